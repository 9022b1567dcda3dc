import { randomBytes } from 'node:crypto'

export function createStem(): string {
  return randomBytes(9).toString('hex')
}

/** A text that is looked for, in one of the forms in which it may stand somewhere. */
export interface Form {
  readonly name: string
  readonly bytes: Buffer
}

/** Secrets that occur nowhere by chance. All have the same mark in them, twice, so that one search finds each of them, and halves too. */
export interface Canaries {
  readonly mark: string
  /** A secret of this name: with characters that URLs, JSON and shells write otherwise. */
  secret(name: string): string
}

/** With a beginning that marks have in common, a search for many of them is no slower than one for one. */
export function createCanaries(stem: string): Canaries {
  const mark = stem + randomBytes(3).toString('hex')
  return { mark, secret: (name) => `sk-${mark}-${name}/+"\\=${mark}` }
}

/**
 * A text of letters, digits and hyphens as it is (in URLs and in JSON it is the same), in the two bytes a character of JavaScript, in
 * hexadecimal, and in base64 wherever it begins.
 */
export function toForms(text: string): readonly Form[] {
  const bytes = Buffer.from(text)
  const hex = bytes.toString('hex')
  return [
    { name: 'plain', bytes },
    { name: 'utf16', bytes: Buffer.from(text, 'utf16le') },
    { name: 'hex', bytes: Buffer.from(hex) },
    { name: 'HEX', bytes: Buffer.from(hex.toUpperCase()) },
    ...[0, 1, 2].map((offset) => ({ name: `base64 (${offset})`, bytes: Buffer.from(toBase64(bytes, offset)) })),
  ]
}

/** The characters that depend on these bytes alone, when they begin at this place of a group of three. */
function toBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
}
