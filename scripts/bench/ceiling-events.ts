/** Who an event belongs to. */
interface Owner {
  readonly sessionId: string
  readonly taskId: string
}

const deltaStart = '{"method":"item/agentMessage/delta"'
const itemStart = '{"method":"item/completed"'
const turnStart = '{"method":"turn/completed"'

/** Makes of whole lines of the stand-in what takes a seq and gives an event, of the same bytes as one of the daemon's. Nothing is parsed. */
export function toEventMakers(lines: string, { sessionId, taskId }: Owner): readonly ((seq: number) => string)[] {
  const time = new Date().toISOString()
  const envelope = (type: string, payload: string) => {
    const behind = `,"time":"${time}","type":"${type}","trace":{"session_id":"${sessionId}","task_id":"${taskId}"},"runtime":{"name":"codex-sdk","runtime_session_id":"thread-00000"},"payload":${payload}}`
    return (seq: number) => `{"schema_version":1,"seq":${seq}${behind}`
  }
  const makers: ((seq: number) => string)[] = []
  for (let from = 0, to = lines.indexOf('\n'); to !== -1; from = to + 1, to = lines.indexOf('\n', from)) {
    if (lines.startsWith(deltaStart, from)) {
      const at = lines.lastIndexOf('"itemId":', to)
      const block = lines.slice(at + '"itemId":'.length, lines.indexOf(',', at))
      makers.push(
        envelope(
          'model.output.delta',
          `{"kind":"text_delta","block_id":${block},${lines.slice(lines.lastIndexOf('"delta":"', to), to - 1)}`,
        ),
      )
    } else if (lines.startsWith(itemStart, from)) {
      const text = lines.slice(lines.lastIndexOf('"text":"', to), to - 2)
      makers.push(envelope('model.output.completed', `{"block_id":"item","content":[{"type":"text",${text}]}`))
    } else if (lines.startsWith(turnStart, from)) makers.push(envelope('task.completed', '{"usage":null}'))
  }
  return makers
}

interface Told {
  readonly method?: string
  readonly params?: { readonly itemId?: string; readonly delta?: string; readonly item?: { readonly id: string; readonly text: string } }
}

/** The same by parsing each line, making an event of it and serialising that: what a server has to do that makes events of messages. */
export function toParsedEventMakers(lines: string, { sessionId, taskId }: Owner): readonly ((seq: number) => string)[] {
  const time = new Date().toISOString()
  const toMaker = (type: string, payload: object) => (seq: number) =>
    JSON.stringify({
      schema_version: 1,
      seq,
      time,
      type,
      trace: { session_id: sessionId, task_id: taskId },
      runtime: { name: 'codex-sdk', runtime_session_id: 'thread-00000' },
      payload,
    })
  return lines.split('\n').flatMap((line) => {
    if (line === '') return []
    const { method, params } = JSON.parse(line) as Told
    switch (method) {
      case 'item/agentMessage/delta':
        return [toMaker('model.output.delta', { kind: 'text_delta', block_id: params?.itemId, delta: params?.delta })]
      case 'item/completed':
        return [toMaker('model.output.completed', { block_id: params?.item?.id, content: [{ type: 'text', text: params?.item?.text }] })]
      case 'turn/completed':
        return [toMaker('task.completed', { usage: null })]
      default:
        return []
    }
  })
}
