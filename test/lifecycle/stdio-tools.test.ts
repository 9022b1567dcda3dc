import { writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ofType, said } from '../conformance/events.ts'
import { expectLawful } from '../conformance/law.ts'
import { createBench } from '../harness/daemon.ts'

const agent = join(import.meta.dirname, 'testing/stdio-agent.mjs')
const weather = {
  name: 'weather',
  description: 'Tells the weather of a town.',
  permission: 'read-only',
  inputSchema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
}

test.each(['auto', 'off'])('an agent that takes MCP servers over stdio alone calls a tool of the host (sandbox %s)', async (mode) => {
  await using bench = await createBench({ args: ['--sandbox', mode, '--agent', `stdio=${process.execPath} ${agent}`] })
  const { client, folder } = bench
  const body = { runtime: 'stdio', cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test' }
  const { session_id } = await client.createSession(body)
  const task = await client.startTask(session_id, JSON.stringify({ name: 'weather', input: { town: 'Jena' } }), { toolManifest: [weather] })
  const started = await client.event(session_id, 'tool.call.started')
  const { tool_call_id, attempt, input_hash } = started.payload
  const given = await client.post(`/sessions/${session_id}/tool-calls/${tool_call_id}/result`, { attempt, input_hash, result: 'warm' })
  expect(given.status).toBe(200)
  expect(await client.finish(task)).toMatchObject({ type: 'task.completed' })
  const log = await client.events(session_id)
  expectLawful(log)
  const told = { server: 'codesdkd', type: 'stdio', secret: false, tools: ['weather'], text: 'warm', code: 0 }
  expect(said(log).map((text) => JSON.parse(text))).toEqual([told])
  expect(ofType(log, 'tool.call.completed').map(({ payload }) => [payload.name, payload.executed_by, payload.is_error])).toEqual([
    ['weather', 'host', false],
  ])
})

test('an agent whose entry says that it takes no tools works without them, and a manifest is refused', async () => {
  await using place = await mkdtempDisposable(join(tmpdir(), 'stdio-tools-'))
  const config = join(place.path, 'config.json')
  const run = { command: [process.execPath, '--version'] }
  const tools = [{ name: 'hello', description: 'Says hello.', permission: 'read-only', input_schema: { type: 'object' }, run }]
  const entry = { command: process.execPath, args: [agent], capabilities: { supports_host_tools: false } }
  writeFileSync(config, JSON.stringify({ agents: [{ name: 'bare', ...entry }], tools }))
  await using bench = await createBench({ args: ['--config', config] })
  const { client, folder } = bench
  const session = await client.createSession({ runtime: 'bare', cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test' })
  expect((await client.get('/capabilities?runtime=bare')).body).toMatchObject({ supports_host_tools: false })
  const task = await client.startTask(session.session_id, 'hello')
  expect(await client.finish(task)).toMatchObject({ type: 'task.completed' })
  expect(said(await client.events(session.session_id))).toEqual(['0 servers'])
  const messages = [{ role: 'user', content: 'hello' }]
  const refused = await client.post(`/sessions/${session.session_id}/tasks`, { messages, toolManifest: [weather] })
  expect([refused.status, refused.body['error']]).toEqual([400, 'tool_manifest_unsupported'])
})
