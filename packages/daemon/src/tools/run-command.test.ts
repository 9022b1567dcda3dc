import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runCommand } from './run-command.ts'
import { createCall, createToolWorld } from './testing/world.ts'

const node = (script: string, more: object = {}) => ({
  command: [process.execPath, '-e', script] as [string, ...string[]],
  env: {},
  output_limit: 1024,
  ...more,
})
const text = { structured: false }

test('the input is JSON on stdin, what the program writes is the result', async () => {
  const { call, output } = createCall({ a: '$HOME `id`' })
  const { world, live, begun } = createToolWorld()
  expect(await runCommand(node('process.stdin.pipe(process.stdout)'), call, world, text)).toEqual({
    result: '{"a":"$HOME `id`"}',
    isError: false,
    exitCode: 0,
  })
  expect(output).toEqual(['stdout: {"a":"$HOME `id`"}'])
  expect([begun.length, live.size]).toEqual([1, 0])
})

test('with an output_schema the result is JSON, and what is none is a failure', async () => {
  const { call, output } = createCall({})
  const { world } = createToolWorld()
  const json = { structured: true }
  expect(await runCommand(node('console.log(`{"n": 1}`)'), call, world, json)).toMatchObject({ result: { n: 1 }, isError: false })
  expect(await runCommand(node('console.log(`n = 1`)'), call, world, json)).toMatchObject({ isError: true })
  expect(output).toEqual([])
})

test('it gets its own variables and few of the daemon', async () => {
  const { call } = createCall({})
  const { world } = createToolWorld({ PATH: '/bin', CODESDKD_TOKEN: 'secret', OPENAI_API_KEY: 'secret' })
  const { result } = await runCommand(node('console.log(JSON.stringify(process.env))', { env: { MINE: '1' } }), call, world, {
    structured: true,
  })
  expect(result).toEqual({ PATH: '/bin', MINE: '1', CODESDKD_PROCESS: expect.any(String) })
})

test('a program that fails says why', async () => {
  const { call } = createCall({})
  const { world } = createToolWorld()
  expect(await runCommand(node('console.log("half"); console.error("broken"); process.exitCode = 3'), call, world, text)).toEqual({
    result: 'The tool failed with exit code 3.\nbroken\n\nhalf\n',
    isError: true,
    exitCode: 3,
  })
})

test('a program that writes without end is ended', async () => {
  const { call } = createCall({})
  const { world, live } = createToolWorld()
  const flood = node('const more = () => process.stdout.write("x".repeat(4096), more); more()')
  expect(await runCommand(flood, call, world, text)).toEqual({
    result: 'The tool wrote more than 1024 bytes and was ended.',
    isError: true,
  })
  expect(live.size).toBe(0)
})

test('an abort ends the program, what ignores SIGTERM, and what left its group; then it settles', async () => {
  const end = new AbortController()
  const { call, wrote } = createCall({}, end.signal)
  const { world, live } = createToolWorld()
  const stubborn = `process.on('SIGTERM', () => {})
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' })
    console.log(child.pid); setInterval(() => {}, 1000)`
  const run = runCommand(node(stubborn), call, world, text)
  const stray = Number(await wrote)
  expect(existsSync(`/proc/${stray}`)).toBe(process.platform === 'linux')
  end.abort(new Error('enough'))
  await expect(run).rejects.toThrow('enough')
  expect(live.size).toBe(0)
  if (process.platform === 'linux') expect(isGone(stray)).toBe(true)
}, 20_000)

test('a program that is not there rejects', async () => {
  const { call } = createCall({})
  const { world, begun } = createToolWorld()
  await expect(runCommand(node('', { command: ['/nonexistent/program'] }), call, world, text)).rejects.toThrow('ENOENT')
  expect(begun).toEqual([])
})

/** Also a dead process of which nobody has taken note. */
function isGone(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return true
  }
}
