/** A first line that does nothing: OpenCode asks about a command only if it finds a program in it. */
export const asksAlways = ': codesdkd\n'

/**
 * Text as letters from a to p, after a mark. OpenCode reads in the words and numbers of an error whether to try again; in these
 * it finds none. Used inside OpenCode and in the daemon.
 */
export function toSealed(text: string): string {
  const letters = Array.from(new TextEncoder().encode(text), (byte) => letter(byte >> 4) + letter(byte & 15))
  return mark + letters.join('')
}

/** The text that a message carries sealed; null when there is none. */
export function toUnsealed(message: string): string | null {
  const found = sealed.exec(message)?.[1]
  if (found === undefined) return null
  const pairs = found.match(/../g) ?? []
  return new TextDecoder().decode(Uint8Array.from(pairs, (pair) => value(pair.charCodeAt(0)) * 16 + value(pair.charCodeAt(1))))
}

const mark = 'codesdkd:'
const sealed = /codesdkd:((?:[a-p]{2})+)/
const base = 'a'.charCodeAt(0)

const letter = (nibble: number): string => String.fromCharCode(base + nibble)
const value = (code: number): number => code - base
