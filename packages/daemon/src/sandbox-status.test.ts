import { expect, test } from 'vitest'
import { runtimes } from './runtimes/index.ts'
import { toConfinement, toPresence, toSandboxInfo, toSandboxIssues } from './sandbox-status.ts'
import type { WallState } from './sandbox/wall.ts'

const enclose = () => {
  throw new Error('nothing is started here')
}
const stands: WallState = { wall: { kind: 'bubblewrap', enclose, release: () => {} } }
const missing: WallState = { wall: null, reason: 'bubblewrap is not installed.', remedy: 'Install it.' }

test('a wall is told with its kind, its absence with reason and remedy', () => {
  expect(toSandboxInfo('auto', stands)).toEqual({ mode: 'auto', available: true, kind: 'bubblewrap' })
  expect(toSandboxInfo('auto', missing)).toEqual({
    mode: 'auto',
    available: false,
    kind: null,
    reason: 'bubblewrap is not installed.',
    remedy: 'Install it.',
  })
  expect(toPresence(stands)).toEqual({ available: true })
  expect(toPresence(missing)).toMatchObject({ available: false, remedy: 'Install it.' })
})

test.each<[Parameters<typeof toSandboxInfo>[0], WallState, number | null, readonly string[]]>([
  ['auto', stands, 1000, []],
  ['require', stands, null, []],
  ['auto', stands, 0, ['running_as_root']],
  ['auto', missing, 1000, ['sandbox_unavailable']],
  ['off', missing, 1000, ['sandbox_off']],
  ['off', missing, 0, ['running_as_root', 'sandbox_off']],
])('issues of %s, %j, uid %s', (mode, state, uid, kinds) => {
  expect(toSandboxIssues(toSandboxInfo(mode, state), uid).map(({ kind }) => kind)).toEqual(kinds)
})

test('the issue says why there is none, and what mends it', () => {
  expect(toSandboxIssues(toSandboxInfo('auto', missing), null)).toEqual([
    {
      kind: 'sandbox_unavailable',
      severity: 'warning',
      message: 'Agents run without a sandbox: bubblewrap is not installed.',
      hint: 'Install it.',
    },
  ])
})

test('the wall is the confinement of every agent; without one each has its own', () => {
  const options = { ledger: { started: () => undefined, ended: () => undefined }, newId: () => 'id' }
  for (const { create } of runtimes.values()) {
    const { capabilities } = create(options)
    expect(toConfinement(toSandboxInfo('auto', stands))(capabilities)).toBe('sandbox')
    for (const info of [toSandboxInfo('auto', missing), toSandboxInfo('off', missing)])
      expect(toConfinement(info)(capabilities)).toBe(capabilities.confinement)
  }
})
