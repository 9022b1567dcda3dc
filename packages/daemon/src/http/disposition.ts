/** `Content-Disposition` for a download: plain ASCII for old clients, the exact name percent-encoded for the others. */
export function attachment(name: string): string {
  const exact = name
    .toWellFormed()
    .replace(/[\p{Cc}/\\]/gu, '_')
    .slice(0, 128)
  const ascii = exact.replace(/[^\x20-\x7e]|["%]/g, '_')
  const encoded = encodeURIComponent(exact.toWellFormed()).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=utf-8''${encoded}`
}
