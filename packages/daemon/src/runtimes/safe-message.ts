/** An agent's message, fit for a log: at most 2000 characters, and of every URL only scheme, host and path. */
export function toSafeMessage(message: string): string {
  return message.slice(0, 2000).replace(/\bhttps?:\/\/[^\s"'<>]+/gi, (found) => {
    const url = URL.parse(found)
    return url === null ? '[url]' : `${url.protocol}//${url.host}${url.pathname}`
  })
}
