import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyLayers, findLayered, layeredEntries, putLayered, type LayeredMap } from './layered-map.ts'

const keys = fc.integer({ min: 0, max: 40 }).map(String)
const changes = fc.array(fc.tuple(keys, fc.option(fc.string(), { nil: undefined })), { maxLength: 200 })

test('it holds what a map holds, and what was made before stays as it was', () => {
  fc.assert(
    fc.property(changes, (made) => {
      const plain = new Map<string, string>()
      let layers: LayeredMap<string> = emptyLayers
      const before: { layers: LayeredMap<string>; plain: ReadonlyMap<string, string> }[] = []
      for (const [key, value] of made) {
        before.push({ layers, plain: new Map(plain) })
        layers = putLayered(layers, key, value)
        if (value === undefined) plain.delete(key)
        else plain.set(key, value)
        expect(findLayered(layers, key)).toBe(value)
      }
      for (const state of [...before, { layers, plain }]) {
        expect(new Map(layeredEntries(state.layers))).toEqual(state.plain)
        for (let key = 0; key <= 40; key++) expect(findLayered(state.layers, String(key))).toBe(state.plain.get(String(key)))
      }
    }),
  )
})

test('what was put first comes first, also when it is put again', () => {
  let layers: LayeredMap<string> = emptyLayers
  for (const key of ['a', 'b', 'c', 'd', 'a']) layers = putLayered(layers, key, key)
  expect(layeredEntries(layers).map(([key]) => key)).toEqual(['a', 'b', 'c', 'd'])
})

test('ten thousand entries are in a few layers, and so are ten thousand that were taken away', () => {
  let layers: LayeredMap<string> = emptyLayers
  for (let key = 0; key < 10_000; key++) {
    layers = putLayered(layers, String(key), 'x')
    expect(layers.length).toBeLessThan(16)
  }
  for (let key = 0; key < 10_000; key++) layers = putLayered(layers, String(key), undefined)
  expect(layers.length).toBeLessThan(16)
  expect(layeredEntries(layers)).toEqual([])
})
