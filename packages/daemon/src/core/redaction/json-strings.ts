/**
 * The JSON value with every string in it, and every name of a field, replaced. `name` is the field a string stands under,
 * through arrays as well; null for names and at the top.
 */
export function mapStrings(value: unknown, toText: (text: string, name: string | null) => string, name: string | null = null): unknown {
  if (typeof value === 'string') return toText(value, name)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, toText, name))
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [toText(field, null), mapStrings(item, toText, field)]))
}
