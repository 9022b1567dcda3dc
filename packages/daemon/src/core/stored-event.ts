import type { Event } from '@codesdkd/protocol'
import type { StoredEvent } from './ports.ts'

/** The event in its stored bytes. They were made from an `Event` by this daemon or an older one, so that they are not checked again. */
export function toEvent({ json }: Pick<StoredEvent, 'json'>): Event {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where stored bytes become an event
  return JSON.parse(json) as Event
}
