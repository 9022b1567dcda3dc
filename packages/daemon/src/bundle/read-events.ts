import { event as anyEvent, eventSchema, isEventType } from '@codesdkd/protocol'
import type { RecordedEvent } from '../core/recording.ts'
import { toEvent } from '../core/stored-event.ts'
import { check, parse, toText } from './bundle-json.ts'
import { invalid } from './read-archive.ts'

interface Range {
  readonly sessionId: string
  readonly first: number
  readonly last: number
}

/** The events of `events.jsonl`: each is one of the protocol, and they follow on each other. Throws `StartFailure`: invalid_bundle. */
export function readEvents(content: Uint8Array, { sessionId, first, last }: Range): readonly RecordedEvent[] {
  const lines = toText('events.jsonl', content).split('\n')
  if (lines.pop() !== '') throw invalid('events.jsonl does not end with a line')
  if (lines.length !== last - first + 1) throw invalid(`events.jsonl has ${lines.length} lines, and the manifest says ${first} to ${last}`)
  const schemas = createSchemas()
  return lines.map((line, index) => {
    const place = `events.jsonl, line ${index + 1}`
    const value = parse(place, line)
    const { seq, type, time, trace } = check(place, value, anyEvent)
    if (seq !== first + index) throw invalid(`${place}: seq is ${seq}, where ${first + index} comes next`)
    if (trace.session_id !== sessionId) throw invalid(`${place}: the event belongs to another session`)
    if (Number.isNaN(Date.parse(time))) throw invalid(`${place}: time is none`)
    if (isEventType(type)) check(place, value, schemas(type))
    // Anew, because a line may hold a carriage return between its members, which would end it in an event stream.
    const json = toJson(place, value)
    return { event: toEvent({ json }), json }
  })
}

function toJson(place: string, value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw invalid(`${place}: it is nested too deeply`, error)
  }
}

/** Each is made once. */
function createSchemas(): (type: Parameters<typeof eventSchema>[0]) => ReturnType<typeof eventSchema> {
  const made = new Map<string, ReturnType<typeof eventSchema>>()
  return (type) => {
    const schema = made.get(type) ?? eventSchema(type)
    made.set(type, schema)
    return schema
  }
}
