import type { Observation } from './task-host.ts'

export interface DeltaGuard {
  /** What can be shown of an observation now, and with it what was held back before it. */
  pass(observation: Observation): readonly Observation[]
  /** What is still held back of blocks of output; for the end of the task. */
  rest(): readonly Observation[]
}

interface Held {
  readonly text: string
  /** Makes an observation of a part of the stream. */
  readonly show: (text: string) => Observation
}

/** An observation of a part of a stream. */
interface Part extends Pick<Held, 'show'> {
  readonly observation: Observation
  readonly delta: string
}

/**
 * Holds back the end of a stream of deltas for as long as it may be the beginning of a secret, so that no secret is cut
 * in two and seen by nobody who looks for it. The deltas still concatenate to the text of their block.
 * `heldBack` tells how many characters at the end of a text may begin a secret.
 */
export function createDeltaGuard(heldBack: (text: string) => number): DeltaGuard {
  const blocks = new Map<string, Held>()
  const outputs = new Map<string, Held>()

  function push(streams: Map<string, Held>, key: string, { observation, delta, show }: Part): readonly Observation[] {
    const before = streams.get(key)?.text ?? ''
    const text = before + delta
    const held = heldBack(text)
    if (held === 0 && before === '') return [observation]
    if (held === 0) streams.delete(key)
    else streams.set(key, { text: text.slice(text.length - held), show })
    return held === text.length ? [] : [show(text.slice(0, text.length - held))]
  }

  function flush(key: string): readonly Observation[] {
    const held = blocks.get(key)
    blocks.delete(key)
    return held === undefined ? [] : [held.show(held.text)]
  }

  function passEvent(observation: Extract<Observation, { kind: 'event' }>): readonly Observation[] {
    const { event } = observation
    switch (event.type) {
      case 'model.output.delta':
        return push(blocks, event.payload.block_id, {
          observation,
          delta: event.payload.delta,
          show: (delta) => ({ kind: 'event', event: { ...event, payload: { ...event.payload, delta } } }),
        })
      case 'model.output.discarded':
        blocks.delete(event.payload.block_id)
        return [observation]
      case 'model.output.completed':
        return event.payload.block_id === undefined ? [observation] : [...flush(event.payload.block_id), observation]
      default:
        return [observation]
    }
  }

  return {
    pass(observation) {
      switch (observation.kind) {
        case 'event':
          return passEvent(observation)
        case 'call.output':
          return push(outputs, observation.id, { observation, delta: observation.delta, show: (delta) => ({ ...observation, delta }) })
        case 'call.completed':
          // The whole output follows and replaces what was streamed.
          outputs.delete(observation.id)
          return [observation]
        case 'call.asked':
        case 'question.asked':
        case 'call.unasked':
        case 'call.started':
        case 'runtime_session':
        case 'refused':
          return [observation]
        default:
          return observation satisfies never
      }
    },
    rest: () => [...blocks.keys()].flatMap(flush),
  }
}
