import type { Event, EventOf, EventType } from '@codesdkd/protocol'

/** The events of one type, in their order. */
export function ofType<T extends EventType>(events: readonly Event[], type: T): readonly EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type)
}

/** The only event of its type. */
export function only<T extends EventType>(events: readonly Event[], type: T): EventOf<T> {
  const [event, ...more] = ofType(events, type)
  if (event === undefined || more.length > 0) throw new Error(`expected one ${type}, found ${more.length + (event === undefined ? 0 : 1)}`)
  return event
}

/** What happened to each call, in the order of the requests: `<title>: approved by policy (read_only)`. */
export function decisions(events: readonly Event[]): readonly string[] {
  return ofType(events, 'tool.call.requested').map(({ payload }) => {
    const decision = events.find(
      (event) =>
        (event.type === 'tool.call.approved' || event.type === 'tool.call.denied') &&
        event.payload.tool_call_id === payload.tool_call_id &&
        event.payload.attempt === payload.attempt,
    )
    if (decision?.type !== 'tool.call.approved' && decision?.type !== 'tool.call.denied') return `${payload.title}: undecided`
    const { decided_by, policy_snapshot } = decision.payload
    return `${payload.title}: ${decision.type.slice('tool.call.'.length)} by ${decided_by} (${policy_snapshot.sources.join()})`
  })
}

/** The events without those of calls that only read: some agents must look at a file before they may edit it. */
export function deeds(events: readonly Event[]): readonly Event[] {
  const reads = new Set(
    ofType(events, 'tool.call.requested').flatMap(({ payload }) => (payload.kind === 'read' ? [payload.tool_call_id] : [])),
  )
  return events.filter(({ payload }) => !('tool_call_id' in payload && reads.has(payload.tool_call_id ?? '')))
}

/** What the agent said, block by block. */
export function said(events: readonly Event[]): readonly string[] {
  return ofType(events, 'model.output.completed').flatMap(({ payload }) =>
    payload.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])),
  )
}

/** The first of a list; throws when there is none. */
export function first<T>(list: readonly T[]): T {
  const [item] = list
  if (item === undefined) throw new Error('there is none')
  return item
}
