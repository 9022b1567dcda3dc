import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startOfflineModel } from '@codesdkd/offline-model'
import { TestClient } from '../harness/client.ts'
import { createFolder } from '../harness/workspace.ts'
import { host, run, urlOf, executable } from './testing/host.ts'
import { argumentsOf, environmentOf, until } from './testing/processes.ts'

const token = `planted-token-${crypto.randomUUID()}`
const bearer = { authorization: `Bearer ${token}` }

/** Files below a directory that contain the text. */
function filesWith(text: string, directory: string): readonly string[] {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))
  return entries.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(text))
}

describe.concurrent('CODESDKD_TOKEN', () => {
  test('is what admits, and is found nowhere: not in the process, on disk, in logs, or with an agent', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    const temporary = join(folder.path, 'tmp')
    mkdirSync(temporary)
    const look = 'tr "\\0" "\\n" < /proc/$PPID/environ > parent.txt; env > env.txt; tr "\\0" " " < /proc/$PPID/cmdline > args.txt'
    await using model = await startOfflineModel({
      scenarios: [{ name: 'look', prompt: 'look', legs: [{ tools: [{ tool: 'shell', command: look }] }, { text: 'seen' }] }],
    })
    const environment = { CODESDKD_TOKEN: token, TMPDIR: temporary, CODESDKD_LOG_LEVEL: 'debug' }
    await using daemon = host(['--data-dir', folder.dataDir], { env: environment })
    const client = new TestClient(urlOf(await daemon.ready))

    expect(JSON.parse(await daemon.ready)).toEqual({ url: client.url })
    expect(await client.get('/livez')).toMatchObject({ status: 401, body: { error: 'unauthorized' } })
    expect((await client.get('/livez', { authorization: 'Bearer planted-token-of-another' })).status).toBe(401)
    expect((await client.get('/livez', bearer)).status).toBe(200)
    expect((await client.get('/status', bearer)).body.auth).toBe('token')
    expect(environmentOf(daemon.pid)).toContain('CODESDKD_LOG_LEVEL=debug')
    expect(environmentOf(daemon.pid) + argumentsOf(daemon.pid)).not.toContain(token)
    expect(readdirSync(temporary)).toEqual([])

    const session = {
      cwd: folder.workspace,
      model: 'gpt-5.5',
      credentialNamespace: 'test',
      permissionMode: 'yolo',
      runtimeConfig: { base_url: `${model.url}/v1` },
    }
    const {
      body: { session_id },
    } = await client.post('/sessions', session, bearer)
    const {
      body: { task_id },
    } = await client.post(`/sessions/${session_id}/tasks`, { messages: [{ role: 'user', content: 'look' }] }, bearer)
    await until(
      'the task has ended',
      async () => (await client.get(`/sessions/${session_id}/tasks/${task_id}`, bearer)).body.status === 'completed',
    )
    for (const name of ['parent.txt', 'env.txt', 'args.txt']) expect(await folder.read(name), name).toMatch(/\w/)
    expect(filesWith('planted-token-', folder.path)).toEqual([])
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
    expect(filesWith('planted-token-', folder.path)).toEqual([])
    expect(daemon.output.stderr).not.toContain('planted-token-')
  })

  test('leaves the watch on the parent and on stdin as they were', async () => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir, '--parent-watch', 'stdin'], { env: { CODESDKD_TOKEN: token } })
    await daemon.ready
    daemon.child.stdin?.end()
    expect(await daemon.ended).toBe(0)
    expect(daemon.output.stderr).toContain('"why":"stdin has ended"')
  })

  test('leaves nothing behind when the daemon does not start at all', async () => {
    await using folder = await createFolder()
    for (const args of [['--help'], ['--prot'], ['--auth', 'none']]) {
      await run(process.execPath, [executable, ...args], { env: { CODESDKD_TOKEN: token, TMPDIR: folder.path } })
      expect(filesWith(token, folder.path)).toEqual([])
    }
    expect(readdirSync(folder.path)).toEqual(['workspace'])
  })
})

test.concurrent('a made token is handed over in the ready line, once, and is not logged', async () => {
  await using folder = await createFolder()
  await using daemon = host(['--data-dir', folder.dataDir, '--auth', 'token', '--log-level', 'debug'])
  const { url, token: made } = JSON.parse(await daemon.ready) as { url: string; token: string }
  expect(made).toMatch(/^[\w-]{43}$/)
  expect((await fetch(`${url}/livez`)).status).toBe(401)
  expect((await fetch(`${url}/livez`, { headers: { authorization: `Bearer ${made}` } })).status).toBe(200)
  daemon.child.kill('SIGTERM')
  expect(await daemon.ended).toBe(0)
  expect(daemon.output.stdout.trimEnd().split('\n')).toHaveLength(1)
  expect(daemon.output.stderr).not.toContain(made)
  expect(filesWith(made, folder.path)).toEqual([])
})
