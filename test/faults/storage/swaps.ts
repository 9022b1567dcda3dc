import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openInside } from '../../../packages/daemon/src/runtimes/own-files.ts'
import { readTextFile } from '../../../packages/daemon/src/runtimes/text-file.ts'
import type { Fault } from '../fault.ts'

/** Exchanges two names as fast as it can, in one step each (rename), so that there is always something. */
const swapper = `
  const { renameSync } = require('node:fs')
  const pairs = process.argv.slice(1).map((path) => [path, path + '-other', path + '-third'])
  console.log('swapping')
  setInterval(() => {
    for (let round = 0; round < 500; round++)
      for (const [one, other, third] of pairs) { renameSync(one, third); renameSync(other, one); renameSync(third, other) }
  })`

const secret = 'what lies outside the workspace'

export const swapFault: Fault = {
  id: 'F44',
  name: 'a file and a directory of the workspace that turn into links outside again and again while they are read 10,000 times (short: 1,000)',
  rounds: { short: 1, long: 3 },
  async run({ folder, workspace, long, figure }) {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'file'), secret)
    const file = join(workspace, 'file')
    const directory = join(workspace, 'directory')
    writeFileSync(file, 'inside')
    symlinkSync(join(outside, 'file'), `${file}-other`)
    mkdirSync(directory)
    writeFileSync(join(directory, 'file'), 'inside')
    symlinkSync(outside, `${directory}-other`)
    const child = spawn(process.execPath, ['--eval', swapper, file, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = once(child, 'exit')
    try {
      await once(createInterface({ input: child.stdout }), 'line')
      const seen = { inside: 0, nothing: 0 }
      for (let round = 0; round < (long ? 10_000 : 1_000); round++) {
        for (const path of [file, join(directory, 'file')]) {
          const text = await readTextFile(workspace, path, 1_000)
          await using handle = await openInside(workspace, path)
          const again = (await handle?.readFile('utf8')) ?? null
          for (const one of [text, again]) {
            assert.ok(one === 'inside' || one === null, `read: ${one}`)
            seen[one === null ? 'nothing' : 'inside'] += 1
          }
        }
      }
      figure('read', seen.inside)
      assert.ok(seen.inside > 0 && seen.nothing > 0, `nothing was swapped: ${JSON.stringify(seen)}`)
    } finally {
      child.kill('SIGKILL')
      await gone
    }
  },
}
