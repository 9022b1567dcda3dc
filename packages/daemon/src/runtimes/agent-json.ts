/** No message of an agent is nested so deep; what is would use up the stack of everything that walks over it. */
const DEPTH_LIMIT = 512
/** Names and values of one message. In memory a million of them take forty times the room that they take on the line. */
const VALUE_LIMIT = 250_000

/** What an agent wrote on a line. Throws SyntaxError where it is not JSON, or JSON that is nested deeper, or has more in it, than anybody means. */
export function parseAgentJson(text: string): unknown {
  // A line that is no longer than this cannot be that deep, and most are not.
  if (text.length > 2 * DEPTH_LIMIT) checkExtent(text)
  return JSON.parse(text)
}

function checkExtent(text: string): void {
  let depth = 0
  let values = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at)
        break
      case 0x5b: // [
      case 0x7b: // {
        depth += 1
        if (depth > DEPTH_LIMIT) throw new SyntaxError(`nested deeper than ${DEPTH_LIMIT}`)
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1
        break
      case 0x2c: // ,
      case 0x3a: // :
        values += 1
        if (values > VALUE_LIMIT) throw new SyntaxError(`more than ${VALUE_LIMIT} names and values`)
        break
      default:
    }
  }
}

/** Index of the quote that ends the string which begins here; that of the last character where none does. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1
    while (text.charCodeAt(before) === 0x5c) before -= 1
    // An even number of backslashes are themselves.
    if ((at - before) % 2 === 1) return at
  }
  return text.length - 1
}
