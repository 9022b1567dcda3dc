import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'

const run = (...args: string[]): ReturnType<typeof spawn> =>
  spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

test('the command prints its URL, serves and ends on SIGTERM', async () => {
  const child = run('--scenario', join(import.meta.dirname, '../scenarios/demo.json'))
  const exit = once(child, 'exit')
  if (!child.stdout) throw new Error('no stdout')
  const [line]: unknown[] = await once(createInterface({ input: child.stdout }), 'line')
  const { url } = JSON.parse(String(line))
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})

test.each([
  [[], 'usage: '],
  [['--scenario', '/does/not/exist.json'], 'ENOENT'],
])('%j is answered on stderr', async (args, message) => {
  const child = run(...args)
  const exit = once(child, 'exit')
  const stderr = (await child.stderr?.setEncoding('utf8').toArray())?.join('')
  expect(stderr).toContain(message)
  expect(await exit).toEqual([1, null])
})
