import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codex } from '../conformance/subjects/codex.ts'
import { createBench, executable, type TestBench } from '../harness/daemon.ts'
import { run } from './testing/host.ts'

const key = 'sk-stored-of-the-test-7f3a'
const header = 'the-value-of-a-header-7f3a'

let bench: TestBench
beforeAll(async () => {
  bench = await createBench({ scenarios: [{ name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] }] })
})
afterAll(() => bench[Symbol.asyncDispose]())

async function setKey(...more: readonly string[]): Promise<void> {
  const args = ['keys', 'set', 'codex', '--namespace', 'test', '--data-dir', bench.folder.dataDir, ...more]
  const words = ['-c', 'printf %s "$TYPED" | "$0" "$@"', process.execPath, executable, ...args]
  expect(await run('sh', words, { env: { XDG_CONFIG_HOME: '/nonexistent', TYPED: key } })).toMatchObject({ code: 0 })
}

async function play() {
  const body = codex.session({ cwd: bench.folder.workspace, endpoint: bench.model.url })
  const runtimeConfig = { base_url: `${bench.model.url}/v1`, env_key: 'OPENAI_API_KEY' }
  const { session_id } = await bench.client.createSession({ ...body, credentialNamespace: 'test', runtimeConfig })
  const task = await bench.client.startTask(session_id, 'hello')
  return await bench.client.finish(task)
}

test('a stored key goes to no endpoint that a client chooses, and to the one that it was stored with', async () => {
  await setKey()
  const message = expect.stringMatching(
    /^The key in OPENAI_API_KEY is for https:\/\/api\.openai\.com\/v1, and the session asks http:\/\/127/,
  )
  expect(await play()).toMatchObject({ type: 'task.failed', payload: { error: { code: 'auth_required', message, retryable: false } } })
  expect(bench.model.journal.entries).toEqual([])
  await setKey('--endpoint', bench.model.url)
  expect(await play()).toMatchObject({ type: 'task.completed' })
  expect(bench.model.journal.entries.map((entry) => bench.model.journal.carries(entry, key))).toContain(true)
})

test('the headers and variables of MCP servers stand in a private file, and nowhere else', async () => {
  const body = codex.session({ cwd: bench.folder.workspace, endpoint: bench.model.url })
  const mcp_servers = {
    hub: { url: 'http://127.0.0.1:9/mcp', headers: { 'x-key': header } },
    tool: { command: 'true', env: { KEY: header } },
  }
  const { session_id } = await bench.client.createSession({ ...body, runtimeConfig: { mcp_servers } })
  const answers = [
    await bench.client.get(`/sessions/${session_id}`),
    await bench.client.get('/sessions'),
    await bench.client.events(session_id),
  ]
  expect(JSON.stringify(answers)).not.toContain(header)
  const files = readdirSync(bench.folder.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holding = files.map((file) => join(file.parentPath, file.name)).filter((file) => readFileSync(file, 'latin1').includes(header))
  expect(holding).toEqual([join(bench.folder.dataDir, 'session-settings', `${session_id}.json`)])
})
