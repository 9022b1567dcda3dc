import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createFolder } from '../harness/workspace.ts'
import { root, run } from '../lifecycle/testing/host.ts'

const file = join(root, 'examples/systemd/codesdkd.service')

test('systemd takes the unit as it is', async () => {
  await using folder = await createFolder()
  const verify = ['systemd-analyze', '--user', 'verify', '--man=no', file]
  expect(await run('env', [`XDG_RUNTIME_DIR=${folder.path}`, ...verify])).toMatchObject({ code: 0, stderr: '' })
})

test('the daemon takes the command line of the unit', () => {
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(readFileSync(file, 'utf8')) ?? []
  const [env, program, ...args] = line.replace('%S', '/home/somebody/.local/state').split(' ')
  expect([env, program]).toEqual(['/usr/bin/env', 'codesdkd'])
  expect(readInvocation(args, { HOME: '/home/somebody' })).toMatchObject({ command: 'serve', config: { listen: { port: 8787 } } })
})
