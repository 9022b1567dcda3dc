import type { Payload } from '@codesdkd/protocol'
import type { Observation } from '../core/task-host.ts'
import { toSafeMessage } from './safe-message.ts'

/** Something that needs no decision. */
export function event(of: Extract<Observation, { kind: 'event' }>['event']): Observation {
  return { kind: 'event', event: of }
}

/** Anything an agent said that has no other place. */
export function notice(level: Payload<'runtime.notice'>['level'], kind: string, message: string, data?: unknown): Observation {
  const payload = { level, kind, message: toSafeMessage(message), ...(data === undefined ? {} : { data }) }
  return event({ type: 'runtime.notice', payload })
}
