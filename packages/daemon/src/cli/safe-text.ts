/**
 * Text of agents as a terminal may show it: what would move the cursor, colour, hide or turn round other text is spelt out, so that nobody
 * approves something else than they see. Line breaks and tabs stay.
 */
export function toSafeText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(hidden, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same on one line. */
export function toSafeLine(text: string): string {
  return toSafeText(text).replaceAll(/\s*\n\s*/g, ' ⏎ ')
}

// Controls (all but \t and \n), formats such as zero-width and right-to-left marks, lone surrogates, line separators.
const hidden = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
