/**
 * A map that is never changed: each `putLayered` makes another one, and both share what they have in common, so that a thousand states of a
 * thousand calls do not hold a million entries. Layers, oldest first, each at least twice as large as the next; undefined is what was
 * taken away.
 */
export type LayeredMap<Value extends object | string | number> = readonly ReadonlyMap<string, Value | undefined>[]

export const emptyLayers: LayeredMap<never> = []

/** At most as many look-ups as there are layers: the logarithm of what was put. */
export function findLayered<Value extends object | string | number>(layers: LayeredMap<Value>, key: string): Value | undefined {
  const holds = layers.findLast((layer) => layer.has(key))
  return holds?.get(key)
}

/** With the value under this key; undefined takes it away. Every entry is copied once for each layer, on average. */
export function putLayered<Value extends object | string | number>(
  layers: LayeredMap<Value>,
  key: string,
  value: Value | undefined,
): LayeredMap<Value> {
  let top: ReadonlyMap<string, Value | undefined> = new Map([[key, value]])
  let below = layers.length
  for (; below > 0; below--) {
    const layer = layers[below - 1]
    if (layer === undefined || layer.size >= 2 * top.size) break
    top = new Map([...layer, ...top])
  }
  // Below the lowest layer there is nothing that would have to stay hidden.
  if (below === 0) top = new Map([...top].filter(([, kept]) => kept !== undefined))
  return top.size === 0 ? [] : [...layers.slice(0, below), top]
}

/** All of it, in the order in which the keys were first put. */
export function layeredEntries<Value extends object | string | number>(layers: LayeredMap<Value>): readonly (readonly [string, Value])[] {
  return [...new Map(layers.flatMap((layer) => [...layer]))].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
}
