import type { CallIdentity, Event, Payload } from '@codesdkd/protocol'

/** One attempt of one tool call as a person reads it: what was asked, who decided, what came of it. */
export interface ToolTranscript {
  readonly task_id: string | null
  readonly requested_at: string
  readonly call: Payload<'tool.call.requested'>
  readonly policy: readonly { readonly source: string; readonly result: string; readonly rule: string }[]
  readonly decision: {
    readonly at: string
    readonly outcome: 'approved' | 'denied'
    readonly decided_by: string
    readonly reason: string | null
  } | null
  readonly started_at: string | null
  readonly completed_at: string | null
  readonly result: Omit<Payload<'tool.call.completed'>, keyof CallIdentity | 'policy_snapshot'> | null
}

/** Folds events into transcripts, holding only the calls that are open. */
export interface ToolTranscripts {
  /** The transcript that this event ends, if it ends one. */
  add(event: Event): ToolTranscript | null
  /** What is still open. */
  rest(): readonly ToolTranscript[]
}

export function createToolTranscripts(): ToolTranscripts {
  const open = new Map<string, ToolTranscript>()
  const end = (key: string) => {
    const transcript = open.get(key) ?? null
    open.delete(key)
    return transcript
  }
  return {
    add(event) {
      const key = keyOf(event)
      if (key === null) return null
      const next = advance(open.get(key), event)
      if (next === undefined) return null
      open.set(key, next)
      return event.type === 'tool.call.completed' || event.type === 'tool.call.denied' ? end(key) : null
    },
    rest: () => [...open.values()],
  }
}

function keyOf({ type, payload }: Event): string | null {
  return type.startsWith('tool.call.') && 'tool_call_id' in payload && 'attempt' in payload
    ? `${payload.tool_call_id} ${payload.attempt}`
    : null
}

function advance(transcript: ToolTranscript | undefined, event: Event): ToolTranscript | undefined {
  if (event.type === 'tool.call.requested') {
    const task_id = event.trace.task_id ?? null
    return {
      task_id,
      requested_at: event.time,
      call: event.payload,
      policy: [],
      decision: null,
      started_at: null,
      completed_at: null,
      result: null,
    }
  }
  if (transcript === undefined) return undefined
  if (event.type === 'tool.call.policy_evaluated') {
    const { source, result, rule } = event.payload
    return { ...transcript, policy: [...transcript.policy, { source, result, rule }] }
  }
  if (event.type === 'tool.call.approved' || event.type === 'tool.call.denied') {
    const { decided_by, reason = null } = event.payload
    return {
      ...transcript,
      decision: { at: event.time, outcome: event.type === 'tool.call.approved' ? 'approved' : 'denied', decided_by, reason },
    }
  }
  if (event.type === 'tool.call.started') return { ...transcript, started_at: event.time }
  if (event.type !== 'tool.call.completed') return transcript
  const { tool_call_id: _id, attempt: _attempt, input_hash: _hash, policy_snapshot: _snapshot, ...result } = event.payload
  return { ...transcript, completed_at: event.time, result }
}
