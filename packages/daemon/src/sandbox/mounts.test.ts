import { describe, expect, test } from 'vitest'
import { toMounts } from './mounts.ts'
import type { Mount } from './mounts.ts'

type Content = Extract<Mount, { source: string }>
const write = (path: string): Mount => ({ kind: 'write', path, source: path, purpose: 'place' })
const read = (path: string, purpose: Content['purpose'] = 'place', source = path): Mount => ({ kind: 'read', path, source, purpose })
const mask = (path: string): Mount => ({ kind: 'empty', path, bytes: null, purpose: 'mask' })
const show = (...layers: readonly (readonly Mount[])[]) => toMounts(layers).map(({ kind, path }) => `${kind} ${path}`)

describe('mounts', () => {
  test('come after what they lie in', () => {
    expect(show([write('/a/b/c'), read('/a'), write('/a-b'), read('/a/b')])).toEqual(['read /a', 'write /a-b', 'write /a/b/c'])
  })

  test('of a later layer count', () => {
    expect(show([write('/a')], [read('/a')])).toEqual(['read /a'])
    expect(show([read('/a')], [write('/a')])).toEqual(['write /a'])
  })

  test('that show what is shown anyhow are left out', () => {
    expect(show([write('/a'), write('/a/b'), read('/c'), read('/c/d/e')])).toEqual(['write /a', 'read /c'])
  })

  test('hide only what would be seen', () => {
    expect(show([mask('/data'), read('/keys', 'mask', '/blank')])).toEqual([])
    expect(show([mask('/data'), write('/'), read('/keys', 'mask', '/blank')])).toEqual(['write /', 'empty /data', 'read /keys'])
  })

  test('of a session stand in what is hidden', () => {
    expect(show([mask('/w/data'), write('/w/data/homes/one'), write('/w')])).toEqual([
      'write /w',
      'empty /w/data',
      'write /w/data/homes/one',
    ])
    expect(show([mask('/data'), write('/data/homes/one')])).toEqual(['write /data/homes/one'])
  })

  test('hold the way to what is protected in place', () => {
    expect(show([write('/w'), read('/w/a/b/c', 'guard')])).toEqual(['write /w', 'write /w/a', 'write /w/a/b', 'read /w/a/b/c'])
  })

  test('that only guard never show anything', () => {
    expect(show([read('/keys/id', 'guard')])).toEqual([])
    expect(show([write('/w'), mask('/w/keys'), read('/w/keys/id', 'guard')])).toEqual(['write /w', 'empty /w/keys'])
    expect(show([read('/w'), read('/w/config', 'guard')])).toEqual(['read /w'])
  })

  test('in memory are reached by directories that cannot be written', () => {
    const memory: Mount = { kind: 'empty', path: '/tmp', bytes: 1, purpose: 'place' }
    const mounts = toMounts([[memory, write('/tmp/a/b/work'), read('/tmp/a/tool')]])
    expect(mounts.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'empty /tmp',
      'empty /tmp/a',
      'empty /tmp/a/b',
      'write /tmp/a/b/work',
      'read /tmp/a/tool',
    ])
    expect(mounts.filter((mount) => mount.kind === 'empty' && mount.bytes === null).map(({ path }) => path)).toEqual(['/tmp/a', '/tmp/a/b'])
  })

  test('make links where the host does not show them', () => {
    const link = (path: string): Mount => ({ kind: 'link', path, to: '/x' })
    expect(show([link('/a/link'), link('/w/link'), write('/w')])).toEqual(['link /a/link', 'write /w'])
  })
})
