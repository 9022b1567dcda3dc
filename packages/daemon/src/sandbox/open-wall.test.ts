import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openWall } from './open-wall.ts'
import type { OpenWallOptions } from './open-wall.ts'

function options(change: Partial<OpenWallOptions> = {}): OpenWallOptions {
  const scratch = mkdtempSync(join(tmpdir(), 'scratch-'))
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }))
  return { scratch, home: '/nonexistent', ...change }
}

describe('the wall of this machine', () => {
  test.skipIf(process.platform !== 'linux')('works, and its trial leaves nothing', async () => {
    const chosen = options()
    expect(await openWall(chosen)).toMatchObject({ wall: { kind: 'bubblewrap' } })
    expect(readdirSync(chosen.scratch)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('is none without its relay', async () => {
    expect(await openWall(options({ relay: '/nonexistent' }))).toEqual({
      wall: null,
      reason: 'The relay of the sandbox has not been built.',
      remedy: expect.stringContaining('C compiler'),
    })
  })

  test.skipIf(process.platform !== 'linux')('is none where its trial fails', async () => {
    expect(await openWall(options({ relay: '/bin/true' }))).toMatchObject({ wall: null, reason: expect.stringContaining('leads nowhere') })
  })

  test.skipIf(process.platform !== 'linux')('is none where the trial cannot be set up', async () => {
    expect(await openWall(options({ scratch: '/dev/null/scratch' }))).toMatchObject({
      wall: null,
      reason: expect.stringContaining('ENOTDIR'),
    })
  })

  test('is none on another system', async () => {
    expect(await openWall(options({ platform: 'win32' }))).toMatchObject({ wall: null, reason: 'There is no sandbox for win32.' })
  })
})
