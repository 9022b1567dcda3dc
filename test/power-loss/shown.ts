import type { Event } from '@codesdkd/protocol'
import type { Op } from './trace.ts'

/** What clients have been shown, and when. */
export interface Shown {
  /** Position in the trace after which it had left. */
  readonly position: number
  readonly at: number
  readonly sessionId: string
  readonly seq: number
  readonly event: Event
  readonly json: string
}

/** Every event at the moment when it first left for a client. */
export function findShown(ops: readonly Op[]): readonly Shown[] {
  const shown = new Map<string, Shown>()
  const rests = new Map<string, string>()
  for (const [position, op] of ops.entries()) {
    if (op.kind !== 'send') continue
    const lines = ((rests.get(op.fd) ?? '') + op.data.toString('latin1')).split('\n')
    rests.set(op.fd, lines.pop() ?? '')
    for (const line of lines) {
      if (!line.startsWith('data: {"schema_version"')) continue
      const json = Buffer.from(line.slice(6), 'latin1').toString()
      const event = JSON.parse(json) as Event
      const key = `${event.trace.session_id} ${event.seq}`
      if (!shown.has(key)) shown.set(key, { position, at: op.at, sessionId: event.trace.session_id, seq: event.seq, event, json })
    }
  }
  return [...shown.values()]
}

/** The names under which the log was shown. */
export function findLogIds(ops: readonly Op[]): readonly { readonly position: number; readonly logId: string }[] {
  return ops.flatMap((op, position) =>
    op.kind === 'send'
      ? [...op.data.toString('latin1').matchAll(/"log_id":"([^"]+)"/g)].map(([, logId = '']) => ({ position, logId }))
      : [],
  )
}

const outputs: ReadonlySet<string> = new Set(['model.output.delta', 'tool.output.delta'])
const promised = /^(session\.|task\.|tool\.call\.(approved|denied)$|question\.answered$)/

/** Decisions, ends, and what was acknowledged: what no power cut may take. */
export const isPromised = ({ type }: Event): boolean => promised.test(type) && !outputs.has(type)
