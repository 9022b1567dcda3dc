/** A name that nobody else makes. `crypto.randomUUID` is missing in pages that came over plain HTTP. */
export function toIdentifier(prefix: string): string {
  return `${prefix}${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
