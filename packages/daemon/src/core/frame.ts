/** Of an event stream (HTML Living Standard, 9.2.6): an event as it is sent. It is unnamed, so that `EventSource.onmessage` sees it; its JSON is one line by contract of the log. */
export function toFrame(id: number | string, json: string): string {
  return `id: ${id}\ndata: ${json}\n\n`
}
