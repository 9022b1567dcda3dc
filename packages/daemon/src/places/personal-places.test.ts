import { chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findPersonalPlaces } from './personal-places.ts'

let home: string
beforeEach(() => (home = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-home-')))))
afterEach(() => rmSync(home, { recursive: true }))

test('are the home and where startup files stand in it, by their real paths', async () => {
  mkdirSync(join(home, 'settings'))
  symlinkSync('settings', join(home, '.config'))
  symlinkSync(home, join(home, 'link'))
  expect(await findPersonalPlaces(join(home, 'link'))).toEqual([home, join(home, 'settings'), join(home, '.local/share')])
})

test('are files of the daemon that somebody could make: one that is there can be hidden', async () => {
  writeFileSync(join(home, 'known'), '')
  symlinkSync(home, join(home, 'link'))
  const files = [join(home, 'known'), join(home, 'link/a/b.json')]
  expect(await findPersonalPlaces('/', files)).toEqual([join(home, 'a/b.json')])
})

test('are none for a user without a home', async () => {
  for (const none of ['/', join(home, 'gone'), '/proc/self/root', '']) expect(await findPersonalPlaces(none), none).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)("are none where the home is somebody else's", async () => {
  chownSync(home, 65_534, 65_534)
  expect(await findPersonalPlaces(home)).toEqual([])
})
