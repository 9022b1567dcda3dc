import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { createStage } from '../harness/daemon.ts'

/** Says what it is told, and writes that it ran. */
const script = `const { appendFileSync } = require('node:fs')
let input = ''
process.stdin.on('data', (chunk) => (input += chunk)).on('end', () => {
  appendFileSync('ran.txt', 'ran\\n')
  console.log(process.env.PASS === undefined ? 'no pass' : 'hello ' + JSON.parse(input).name + ' ' + process.env.PASS)
})`
const pass = 'pass-71f0c2a9b4'
const call = { tool: 'mcp' as const, server: 'codesdkd', name: 'greet', input: { name: 'Ada' } }
const scenario = { name: 'greet', prompt: 'greet', legs: [{ tools: [call] }, { text: 'So be it.' }] }

async function openStage(permission: string) {
  const stage = await createStage([scenario])
  const config = join(stage.folder.path, 'config.json')
  const tool = {
    name: 'greet',
    description: 'Greets.',
    permission,
    input_schema: { type: 'object', properties: { name: { type: 'string', pattern: '^[A-Z]' } }, required: ['name'] },
    run: { command: [process.execPath, '-e', script], env: { PASS: pass } },
  }
  const broken = { command: [process.execPath, '-e', 'process.exit(1)'] }
  await writeFile(config, JSON.stringify({ tools: [tool], mcp_servers: { broken } }))
  return { stage, config }
}

test('dangerous: a tool of the config file never runs in auto; a person lets it run, and nobody is shown its secrets', async () => {
  const { stage, config } = await openStage('dangerous')
  await using _ = stage
  await using daemon = await stage.start(['--config', config])
  const { client } = daemon
  const play = async (permissionMode: string) => {
    const { session_id } = await client.createSession(stage.session({ permissionMode }))
    await client.finish(await client.startTask(session_id, 'greet'), () => null)
    return await client.events(session_id)
  }
  const denied = await play('auto')
  expect(denied.map(({ type }) => type)).toContain('tool.call.denied')
  expect(denied.map(({ type }) => type)).not.toContain('tool.call.started')
  expect(await stage.folder.read('ran.txt')).toBeNull()
  const approved = await play('ask')
  expect(approved.find(({ type }) => type === 'tool.call.completed')?.payload).toMatchObject({
    executed_by: 'codesdk',
    is_error: false,
    result_preview: expect.stringContaining('hello Ada'),
  })
  expect(await stage.folder.read('ran.txt')).toBe('ran\n')
  const status = await client.get('/status')
  expect(status.body.issues).toContainEqual(expect.objectContaining({ kind: 'mcp_server_failing' }))
  const { session_id } = approved[0]?.trace ?? expect.fail('no event')
  const bundle = await fetch(`${client.url}/sessions/${session_id}/support-bundle`)
  const archive = gunzipSync(await bundle.bytes()).toString('latin1')
  expect(archive).toContain('hello Ada')
  for (const text of [JSON.stringify(approved), status.text, daemon.stderr(), archive]) expect(text).not.toContain(pass)
}, 120_000)

const notes = resolve(import.meta.dirname, '../fixtures/mcp/notes.ts')
const consult = { tool: 'mcp' as const, server: 'codesdkd', name: 'notes_consult', input: { text: 'Which one?' } }

test("a question of the daemon's MCP server is one of the task that calls it: answered, and cancelled by a stop", async () => {
  await using stage = await createStage([{ name: 'ask', prompt: 'ask', legs: [{ tools: [consult] }, { text: 'So be it.' }] }])
  const config = join(stage.folder.path, 'config.json')
  const file = join(stage.folder.path, 'notes.txt')
  const server = { command: [process.execPath, notes, file], permission: 'read-only' }
  await writeFile(config, JSON.stringify({ mcp_servers: { notes: server } }))
  await using daemon = await stage.start(['--config', config])
  const { client } = daemon
  const begin = async () => {
    const { session_id } = await client.createSession(stage.session({ permissionMode: 'ask' }))
    const task = await client.startTask(session_id, 'ask')
    const asked = await client.event(session_id, 'question.asked')
    expect(asked).toMatchObject({ trace: { task_id: task.task_id }, payload: { title: 'Which one?' } })
    return { task, asked, url: `/sessions/${session_id}` }
  }
  const answered = await begin()
  const { question_id } = answered.asked.payload as { question_id: string }
  const content = { answer: 'that one' }
  const given = await client.post(`${answered.url}/questions/${question_id}/answer`, { outcome: 'accept', content })
  expect(given.status).toBe(200)
  expect((await client.finish(answered.task, () => null)).type).toBe('task.completed')
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ action: 'accept', content })
  const stopped = await begin()
  await client.post(`${stopped.url}/tasks/${stopped.task.task_id}/stop`)
  expect((await client.finish(stopped.task, () => 'leave')).type).toBe('task.stopped')
  const events = await client.events(stopped.task.session_id)
  expect(events.find(({ type }) => type === 'question.answered')?.payload).toMatchObject({ outcome: 'cancel', reason: 'stopped_by_user' })
}, 120_000)

/** Starts another process that has nothing to do with its group, tells both, and stays. */
const lingering = `const { spawn } = require('node:child_process')
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
require('node:fs').writeFileSync('pids.txt', process.pid + ' ' + child.pid)
setInterval(() => {}, 1000)
console.log('begun')`

test('nothing of a tool outlives a daemon that was killed by more than its next start', async () => {
  await using stage = await createStage([{ name: 'linger', prompt: 'linger', legs: [{ tools: [{ ...call, name: 'linger', input: {} }] }] }])
  const config = join(stage.folder.path, 'config.json')
  const run = { command: [process.execPath, '-e', lingering] }
  const tool = { name: 'linger', description: 'Lingers.', permission: 'read-only', input_schema: { type: 'object' }, run }
  await writeFile(config, JSON.stringify({ tools: [tool] }))
  await using killed = await stage.start(['--config', config])
  const { session_id } = await killed.client.createSession(stage.session())
  await killed.client.startTask(session_id, 'linger')
  await killed.client.event(session_id, 'tool.output.delta')
  const pids = ((await stage.folder.read('pids.txt')) ?? '').split(' ').map(Number)
  expect(pids.filter(isAlive)).toHaveLength(2)
  await killed.end('SIGKILL')
  await using _ = await stage.start(['--config', config])
  await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([])
}, 120_000)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
