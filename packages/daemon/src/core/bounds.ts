import type { NewEvent, OutputBlock, ConfinementDenial } from '@codesdkd/protocol'
import type { PreparedResult } from './call-events.ts'
import type { PreparedObservation } from './decide.ts'
import { findFileDenials } from './denials.ts'
import type { ArtifactStore } from './ports.ts'
import type { Asked, CallResult, NativeCall, Observation } from './task-host.ts'

/** A result larger than this goes to an artifact and the event keeps a preview. Characters. */
export const PREVIEW_LIMIT = 8 * 1024
/** No payload is larger than this; what is goes to an artifact. Characters. */
export const PAYLOAD_LIMIT = 256 * 1024

/** A part of a stream of text that is cut into several is not larger than this. Characters. */
const PIECE_LIMIT = PAYLOAD_LIMIT / 2

/** Stores text of one session, masked, and names the artifact; null when it is not stored. Throws what the store throws. */
export type StoreText = (text: string, about: { contentType: string; name: string }) => string | null

/** For a task that must end while nothing can be stored. */
export const storeNothing: StoreText = () => null

export function storeTextIn(artifacts: ArtifactStore, sessionId: string, mask: (text: string) => string): StoreText {
  return (text, about) => artifacts.put(sessionId, mask(text), about).artifactId
}

/** Moves what is too large for an event into artifacts. One observation may become several: a huge delta is cut into pieces. */
export function bound(observation: Exclude<Observation, Asked>, store: StoreText): readonly PreparedObservation[] {
  switch (observation.kind) {
    case 'call.completed':
      return [{ ...observation, result: boundResult(observation.result, store) }]
    case 'call.unasked':
      return [{ ...observation, call: boundCall(observation.call, store) }]
    case 'call.output':
      if (observation.delta.length <= PIECE_LIMIT) return [observation]
      return pieces(observation.delta).map((delta) => ({ ...observation, delta }))
    case 'event':
      return boundEvent(observation.event, store).map((event) => ({ kind: 'event', event }))
    case 'refused':
      return [{ ...observation, denial: boundDenial(observation.denial) }]
    case 'call.started':
    case 'runtime_session':
      return [observation]
    default:
      return observation satisfies never
  }
}

/** The call as the events show it; the hash is always taken of the whole. */
export function boundCall(call: NativeCall, store: StoreText): NativeCall {
  const input = JSON.stringify(call.input) ?? 'null'
  const diff = call.diff ?? ''
  return {
    ...call,
    ...(input.length > PAYLOAD_LIMIT / 2
      ? { input: { artifact_ref: store(input, { contentType: 'application/json', name: 'input.json' }), characters: input.length } }
      : {}),
    ...(diff.length > PAYLOAD_LIMIT / 2
      ? {
          diff: `${diff.slice(0, PREVIEW_LIMIT)}\n[the whole diff is artifact ${store(diff, { contentType: 'text/x-diff', name: 'diff.patch' })}]`,
        }
      : {}),
  }
}

function boundResult({ output, ...result }: CallResult, store: StoreText): PreparedResult {
  // Only here is the whole output at hand.
  const prepared = { ...result, preview: output.slice(0, PREVIEW_LIMIT), fileDenials: findFileDenials(output) }
  if (output.length <= PREVIEW_LIMIT) return { ...prepared, truncated: false }
  const ref = store(output, { contentType: 'text/plain; charset=utf-8', name: 'output.txt' })
  return { ...prepared, ...(ref === null ? {} : { ref }), truncated: true }
}

/** An agent chooses what it is refused. */
function boundDenial({ target, reason, ...denial }: ConfinementDenial): ConfinementDenial {
  return { ...denial, target: target.slice(0, 1024), reason: reason.slice(0, 1024) }
}

type Passed = Extract<PreparedObservation, { kind: 'event' }>['event']

function boundEvent(event: Passed, store: StoreText): readonly Passed[] {
  switch (event.type) {
    case 'model.output.delta':
      if (event.payload.delta.length <= PIECE_LIMIT) return [event]
      return pieces(event.payload.delta).map((delta) => ({ ...event, payload: { ...event.payload, delta } }))
    case 'model.output.completed':
      return [{ ...event, payload: { ...event.payload, content: event.payload.content.map((block) => boundBlock(block, store)) } }]
    case 'file.changed':
      return [boundDiff(event, store)]
    case 'runtime.notice':
      return [boundNotice(event, store)]
    default:
      return [event]
  }
}

function boundBlock(block: OutputBlock, store: StoreText): OutputBlock {
  const text = block.type === 'code' ? block.code : block.type === 'artifact_ref' ? '' : block.text
  if (text.length <= PAYLOAD_LIMIT / 2) return block
  const name = block.type === 'reasoning' ? 'reasoning.txt' : 'answer.txt'
  const artifact_id = store(text, { contentType: 'text/plain; charset=utf-8', name })
  if (artifact_id === null) return { type: block.type === 'reasoning' ? 'reasoning' : 'text', text: text.slice(0, PAYLOAD_LIMIT / 2) }
  return { type: 'artifact_ref', artifact_id, media_type: 'text/plain', name }
}

function boundDiff(event: Extract<NewEvent, { type: 'file.changed' }>, store: StoreText): Passed {
  const { diff, ...payload } = event.payload
  if (diff === undefined || diff.length <= PREVIEW_LIMIT) return event
  const diff_ref = store(diff, { contentType: 'text/x-diff', name: 'diff.patch' })
  return { ...event, payload: { ...payload, ...(diff_ref === null ? {} : { diff_ref }) } }
}

function boundNotice(event: Extract<NewEvent, { type: 'runtime.notice' }>, store: StoreText): Passed {
  const data = JSON.stringify(event.payload.data) ?? ''
  const message = event.payload.message.slice(0, PREVIEW_LIMIT)
  if (data.length <= PAYLOAD_LIMIT / 2) return { ...event, payload: { ...event.payload, message } }
  const artifact_ref = store(data, { contentType: 'application/json', name: 'notice.json' })
  return { ...event, payload: { ...event.payload, message, data: { artifact_ref, characters: data.length } } }
}

/** Cuts between UTF-16 units, never inside a surrogate pair. */
function pieces(text: string): readonly string[] {
  if (text.length <= PIECE_LIMIT) return [text]
  const parts: string[] = []
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + PIECE_LIMIT, text.length)
    if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to -= 1
    parts.push(text.slice(from, to))
    from = to
  }
  return parts
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}
