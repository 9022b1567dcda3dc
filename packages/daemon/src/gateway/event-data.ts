/** The data of server-sent events, whatever pieces they come in. */
export interface EventData {
  /** Data of the events that this chunk completes, in their order. Never throws. */
  push(chunk: Buffer): readonly string[]
  /** What the stream ended with, though the blank line after it did not come. */
  end(): readonly string[]
}

/** `limit`: bytes of one event. A stream with a larger one is not read on: nothing more comes of it. */
export function createEventData(limit: number): EventData {
  // As latin1 a byte is a character: no chunk cuts one in two, and what is kept costs no more than it is long.
  let line = ''
  let data: string[] = []
  let size = 0
  let lost = false

  function toText(): readonly string[] {
    const text = data.join('\n')
    data = []
    size = 0
    return text === '' ? [] : [Buffer.from(text, 'latin1').toString('utf8')]
  }

  function take(whole: string): readonly string[] {
    const said = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    if (said === '') return toText()
    const value = /^data(?:: ?|$)/.exec(said)
    if (value !== null) data.push(said.slice(value[0].length))
    return []
  }

  return {
    push(chunk) {
      if (lost) return []
      const text = chunk.toString('latin1')
      const complete: string[] = []
      let from = 0
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
        complete.push(...take(line + text.slice(from, at)))
        size += at - from
        line = ''
        from = at + 1
      }
      line += text.slice(from)
      lost = size + line.length > limit
      if (lost) [line, data] = ['', []]
      return complete
    },
    end: () => (lost ? [] : [...take(line), ...toText()]),
  }
}
