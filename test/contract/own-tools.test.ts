import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  for (const text of [JSON.stringify(approved), status.text, daemon.stderr()]) expect(text).not.toContain(pass)
}, 120_000)
