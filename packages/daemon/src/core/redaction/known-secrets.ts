import { createHmac } from 'node:crypto'

/** Fewer characters occur by chance. */
export const MIN_LENGTH = 8

/** What stands for a secret. Equal secrets under one key have equal marks; a mark is never masked again. */
const markPattern = /\[REDACTED:[a-z_]+:[0-9a-f]{6}\]/
const wholeMark = new RegExp(`^${markPattern.source}$`)

export function isMark(text: string): boolean {
  return wholeMark.test(text)
}

export function holdsMark(text: string): boolean {
  return markPattern.test(text)
}

export function toMark(rule: string, secret: string, key: Uint8Array): string {
  return `[REDACTED:${rule}:${createHmac('sha256', key).update(secret).digest('hex').slice(0, 6)}]`
}

/** Exact values that must not be seen, found in each of the forms in which tools print them. */
export interface KnownSecrets {
  /** Adds values; those under 8 characters are ignored, since they occur by chance. */
  add(values: Iterable<string>): void
  has(text: string): boolean
  /** Quick: false where there is neither a form nor the beginning of one that was cut off. */
  mayHold(text: string): boolean
  /** Length of the longest form: a stream that is searched in pieces needs them to overlap by that much. */
  readonly longest: number
  /** How many characters at the end of the text may be the beginning of a form that goes on behind it; 0 = none. */
  beginning(text: string): number
  /** The text with each occurrence replaced by what `replace` makes of the plain value. */
  replace(text: string, replace: (secret: string) => string): string
}

interface Search {
  readonly longest: number
  readonly byFirst: ReadonlyMap<string, readonly string[]>
  readonly hints: RegExp
  readonly outsideMarks: RegExp
}

export function createKnownSecrets(values: Iterable<string> = []): KnownSecrets {
  const plainOf = new Map<string, string>()
  // Made when something is searched for: of many values that are added one after the other only the last makes it necessary.
  let made: Search | null = null
  const search = (): Search | null => (made ??= plainOf.size === 0 ? null : toSearch([...plainOf.keys()]))
  const replace = (text: string, toReplacement: (secret: string) => string) => {
    const found = search()
    if (found === null || !found.hints.test(text)) return text
    return text.replace(found.outsideMarks, (form) => {
      const secret = plainOf.get(form)
      return secret === undefined ? form : toReplacement(secret)
    })
  }
  const add = (more: Iterable<string>) => {
    const before = plainOf.size
    for (const value of more) {
      if (value.length < MIN_LENGTH) continue
      for (const form of encodedForms(value)) if (!plainOf.has(form)) plainOf.set(form, value)
    }
    if (plainOf.size > before) made = null
  }
  add(values)
  return {
    add,
    replace,
    has: (text) => replace(text, () => '') !== text,
    mayHold: (text) => search()?.hints.test(text) ?? false,
    beginning(text) {
      const { longest = 0, byFirst } = search() ?? {}
      for (let at = Math.max(0, text.length - longest + 1); at < text.length; at++) {
        const forms = byFirst?.get(text.charAt(at))
        if (forms?.some((form) => form.length > text.length - at && form.startsWith(text.slice(at))) === true) return text.length - at
      }
      return 0
    },
    get longest() {
      return search()?.longest ?? 0
    },
  }
}

function toSearch(forms: readonly string[]): Search {
  const longestFirst = forms
    .toSorted((a, b) => b.length - a.length)
    .map((form) => RegExp.escape(form))
    .join('|')
  const starts = new Set(forms.map((form) => RegExp.escape(form.slice(0, MIN_LENGTH))))
  return {
    longest: Math.max(0, ...forms.map((form) => form.length)),
    byFirst: Map.groupBy(forms, (form) => form.charAt(0)),
    hints: new RegExp([...starts].join('|')),
    outsideMarks: new RegExp(`${markPattern.source}|${longestFirst}`, 'g'),
  }
}

/** A value as it is, in URLs, in hex, in base64 at every alignment, and in JSON that stands in JSON up to three levels deep. */
export function encodedForms(value: string): ReadonlySet<string> {
  let forms = new Set([value])
  for (let depth = 0; depth < 3; depth++)
    forms = new Set([...forms].flatMap((form) => [form, ...jsonEncoders.map((encode) => encode(form))]))
  const wellFormed = value.toWellFormed()
  for (const form of [...urlForms(wellFormed), ...base64Forms(wellFormed), ...hexForms(wellFormed)]) forms.add(form)
  return forms
}

const toJson = (text: string) => JSON.stringify(text).slice(1, -1)
const toHexEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** How JavaScript, Python, PHP and Go write the same string. */
const jsonEncoders: readonly ((text: string) => string)[] = [
  toJson,
  (text) => toJson(text).replace(/[\u0080-\uffff]/g, toHexEscape),
  (text) => toJson(text).replaceAll('/', '\\/'),
  (text) => toJson(text).replace(/[<>&]/g, toHexEscape),
]

function urlForms(value: string): string[] {
  const component = encodeURIComponent(value)
  const strict = component.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
  const upper = [component, strict, strict.replaceAll('%20', '+'), encodeURI(value)]
  return [...upper, ...upper.map((form) => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))]
}

function hexForms(value: string): string[] {
  const hex = Buffer.from(value).toString('hex')
  return [hex, hex.toUpperCase()]
}

/** The characters of a base64 text that depend on the value alone, for each place it can start at in a group of three bytes. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value)
  return [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    const own = text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
