import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { readPackagedVersion } from './launch.ts'

test("an executable has the version of the package it stands in, if that is the agent's own", async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'launch-'))
  const executable = path.join(folder.path, 'bin', 'agent')
  await mkdir(path.dirname(executable))
  const read = () => readPackagedVersion(executable, ['agent', 'agent-linux'])
  expect(await read()).toBeNull()
  for (const [manifest, version] of [
    ['{"name":"agent-linux","version":"1.2.3"}', '1.2.3'],
    ['{"name":"other","version":"1.2.3"}', null],
    ['{"name":"agent"}', null],
    ['not JSON', null],
  ] as const) {
    await writeFile(path.join(folder.path, 'package.json'), manifest)
    expect(await read()).toBe(version)
  }
})
