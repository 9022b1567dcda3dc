import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createOwnTools } from './own-tools.ts'
import { createCall, createToolWorld } from './testing/world.ts'
import type { McpServerEntry, ToolEntry } from './tool-entry.ts'

const notes = resolve(import.meta.dirname, '../../../../test/fixtures/mcp/notes.ts')

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'codesdkd-tools-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return join(path, 'notes.txt')
}

function open(servers: readonly McpServerEntry[], tools: readonly ToolEntry[] = []) {
  const failures: string[] = []
  const { world, live, begun } = createToolWorld()
  let now = 0
  const clock = { now: () => new Date().toISOString(), monotonic: () => now }
  const own = createOwnTools({
    tools,
    servers,
    version: '0',
    world,
    check: () => Promise.resolve([]),
    clock,
    report: (server, error) => failures.push(`${server}: ${String(error)}`),
  })
  return { own, live, begun, failures, later: (ms: number) => void (now += ms) }
}

const stdio = (file: string, more: { name?: string; command?: [string, ...string[]] } = {}): McpServerEntry => ({
  name: 'my-notes',
  command: [process.execPath, notes, file],
  env: {},
  timeout_ms: 60_000,
  ...more,
})

test('a server is started at first use, kept, restarted after it died, and ended', async () => {
  const file = await folder()
  const { own, live, begun, failures, later } = open([stdio(file)])
  expect(begun).toEqual([])
  await own.ready()
  expect(own.all().map(({ name, permission }) => [name, permission])).toEqual([
    ['my_notes_add', 'dangerous'],
    ['my_notes_consult', 'read-only'],
    ['my_notes_peek', 'read-only'],
  ])
  const add = own.find('my_notes_add')
  expect(await add?.run?.(createCall({ text: 'one' }).call)).toEqual({ result: 'noted: one', isError: false })
  expect(await own.find('my_notes_consult')?.run?.(createCall({ text: 'which?' }).call)).toMatchObject({
    result: 'noted: {"action":"decline"}',
  })
  expect((await readFile(file, 'utf8')).split('\n')).toEqual(['one', '{"action":"decline"}', ''])
  await own.ready()
  expect(begun.length).toBe(1)
  process.kill(begun[0] ?? 0, 'SIGKILL')
  await expect.poll(() => own.failing()).toEqual(['my-notes'])
  await own.ready()
  expect([own.all(), begun.length]).toEqual([[], 1])
  later(1000)
  expect(await add?.run?.(createCall({ text: 'two' }).call)).toEqual({ result: 'noted: two', isError: false })
  expect([own.failing(), failures.length, begun.length]).toEqual([[], 1, 2])
  await own[Symbol.asyncDispose]()
  expect(live.size).toBe(0)
}, 30_000)

test('over HTTP, with a permission that the owner chose', async () => {
  const server = spawn(process.execPath, [notes, await folder(), '--http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void server.kill())
  const [url] = (await once(server.stdout, 'data')) as [Buffer]
  const entry = { name: 'far', url: url.toString().trim(), headers: {}, timeout_ms: 60_000, permission: 'network' as const }
  const { own } = open([entry])
  await using _ = own
  await own.ready()
  expect(own.find('far_peek')?.permission).toBe('network')
  expect(await own.find('far_peek')?.run?.(createCall({ text: 'x' }).call)).toEqual({ result: 'peeked at x', isError: false })
}, 30_000)

test('a server that fails stops nothing, and no name is taken twice', async () => {
  const own = { name: 'my_notes_peek', description: 'x', input_schema: {}, permission: 'write' as const, timeout_ms: 1 }
  const run = { command: [process.execPath] as [string], env: {}, output_limit: 1 }
  const broken = stdio('', { name: 'broken', command: [process.execPath, '-e', 'process.exit(1)'] })
  const opened = open([broken, stdio(await folder())], [{ ...own, run }])
  await using _ = opened.own
  await opened.own.ready()
  expect(opened.own.failing()).toEqual(['broken'])
  const names = opened.own.all().map(({ name }) => name)
  expect(names.filter((name) => name.startsWith('my_notes_peek'))).toEqual([
    'my_notes_peek',
    expect.stringMatching(/^my_notes_peek_[0-9a-f]{8}$/),
  ])
  expect(opened.own.find('my_notes_peek')?.permission).toBe('write')
}, 30_000)

/** An MCP server whose tools are as many as its tool was called, plus one; with `dies` it ends when it is asked for the list again. */
const growing = (dies: boolean) => `let count = 1
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize')
    send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: { listChanged: true } }, serverInfo: { name: 'g', version: '1' } } })
  if (method === 'tools/list') {
    if (${dies} && count > 1) process.exit(1)
    send({ id, result: { tools: Array.from({ length: count }, (_, index) => ({ name: 'tool' + index, inputSchema: { type: 'object' } })) } })
  }
  if (method !== 'tools/call') return
  count += 1
  send({ method: 'notifications/tools/list_changed' })
  send({ id, result: { content: [{ type: 'text', text: 'grown' }] } })
})`

test('a server that says that its tools have changed is asked again before the next task', async () => {
  const { own } = open([stdio('', { name: 'grows', command: [process.execPath, '-e', growing(false)] })])
  await using _ = own
  const names = () => own.all().map(({ name }) => name)
  await own.ready()
  expect(names()).toEqual(['grows_tool0'])
  expect(await own.find('grows_tool0')?.run?.(createCall({}).call)).toEqual({ result: 'grown', isError: false })
  expect(names()).toEqual(['grows_tool0'])
  await own.ready()
  expect(names()).toEqual(['grows_tool0', 'grows_tool1'])
}, 30_000)

test('a server that dies while it is asked has failed once, and offers nothing', async () => {
  const { own, failures, later } = open([stdio('', { name: 'dies', command: [process.execPath, '-e', growing(true)] })])
  await using _ = own
  await own.ready()
  await own.find('dies_tool0')?.run?.(createCall({}).call)
  await own.ready()
  expect([own.all(), own.failing(), failures.length]).toEqual([[], ['dies'], 1])
  later(1000)
  await own.ready()
  expect([own.all().length, own.failing()]).toEqual([1, []])
}, 30_000)
