import { Problem } from '@codesdkd/protocol'

export type EventFilter = (type: string) => boolean

/** What passes without a filter. */
export const everyType: EventFilter = () => true

/** `a,b.*` -> which event types pass; everything does without a filter. Throws `Problem('invalid_request')`. */
export function toEventFilter(types: string | undefined): EventFilter {
  if (types === undefined || types === '') return everyType
  const patterns = types.split(',').map((pattern) => pattern.trim())
  if (patterns.length > 64 || !patterns.every((pattern) => /^(?:[a-z_.]{1,64}|\*)$|^[a-z_.]{1,64}\.\*$/.test(pattern))) {
    throw new Problem('invalid_request', 'types must be event types or prefixes like tool.*, separated by commas.', {
      members: { field: 'types' },
    })
  }
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith('*')))
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1))
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix))
}
