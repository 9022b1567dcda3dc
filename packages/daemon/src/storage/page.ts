import type { StoredEvent } from '../core/ports.ts'

const usualWeight = 1024 * 1024

/** What memory and pages count for an event: its text and something for the rest. */
export function weigh(event: StoredEvent): number {
  return event.json.length + 128
}

/** The first events of an ordered source of some at a time: at most `limit`, together about `weight` bytes (1 MB), but at least one if there is one. Stops the source where it stops itself. */
export function toPage(source: Iterable<Iterable<StoredEvent>>, limit: number, weight = usualWeight): readonly StoredEvent[] {
  const page: StoredEvent[] = []
  if (limit < 1) return page
  let length = 0
  for (const together of source)
    for (const event of together) {
      page.push(event)
      length += weigh(event)
      if (page.length >= limit || length >= weight) return page
    }
  return page
}
