import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createStage } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { executable, run } from './testing/host.ts'

const off = ['--sandbox', 'off']
const required = ['--sandbox', 'require']

// Elsewhere there may be no sandbox. On Linux there has to be one: these tests fail where bubblewrap is missing.
describe.runIf(process.platform === 'linux').concurrent('the sandbox of sessions', () => {
  test('is told by status, capabilities and the first event', async () => {
    await using stage = await createStage([])
    await using daemon = await stage.start(['--network-allow', 'packages.example.com', '--readable-root', '/etc/passwd'])
    const { client } = daemon
    const { body } = await client.get('/status')
    expect(body.sandbox).toEqual({ mode: 'auto', available: true, kind: 'bubblewrap' })
    expect(body.issues.map(({ kind }: { kind: string }) => kind)).not.toContain('sandbox_unavailable')
    for (const runtime of ['codex', 'gemini'])
      expect((await client.get(`/capabilities?runtime=${runtime}`)).body).toMatchObject({ confinement: 'sandbox' })
    const { session_id } = await client.createSession(
      stage.session({ runtime: 'gemini', network: { allow: ['a.example'] }, runtimeConfig: {} }),
    )
    expect((await client.event(session_id, 'session.created')).payload).toMatchObject({
      confinement: 'sandbox',
      sandbox: {
        mode: 'auto',
        writable_roots: [],
        readable_roots: ['/etc/passwd'],
        network: { allow: ['packages.example.com', 'a.example'] },
      },
    })
  })

  test('is off where the daemon or the session says so', async () => {
    await using stage = await createStage([])
    await using daemon = await stage.start(off)
    const { client } = daemon
    const { body } = await client.get('/status')
    expect(body).toMatchObject({
      sandbox: { mode: 'off', available: false, kind: null },
      issues: expect.arrayContaining([expect.objectContaining({ kind: 'sandbox_off', severity: 'warning' })]),
    })
    expect(await client.post('/sessions', { sandbox: 'require' })).toMatchObject({
      status: 409,
      body: { error: 'sandbox_unavailable', reason: expect.any(String), remedy: expect.any(String) },
    })
    const { session_id } = await client.createSession({ sandbox: 'auto' })
    expect((await client.event(session_id, 'session.created')).payload).toMatchObject({ sandbox: { mode: 'off' } })
  })

  test('cannot be left where the daemon requires it', async () => {
    await using stage = await createStage([])
    await using daemon = await stage.start(required)
    const { client } = daemon
    expect(await client.post('/sessions', { sandbox: 'off' })).toMatchObject({
      status: 403,
      body: { error: 'sandbox_not_allowed', allowed: ['auto', 'require'] },
    })
    const { session_id } = await client.createSession({ sandbox: 'auto' })
    expect((await client.event(session_id, 'session.created')).payload).toMatchObject({ sandbox: { mode: 'require' } })
  })

  test('is kept by a session for as long as it lives: under a daemon that cannot keep it, its tasks fail', async () => {
    await using stage = await createStage([])
    const first = await stage.start()
    const walled = await first.client.createSession(stage.session())
    const bare = await first.client.createSession(stage.session({ sandbox: 'off' }))
    await first.end()
    const failure = { type: 'task.failed', payload: { error: { code: 'sandbox_unavailable', retryable: false } } }
    {
      await using daemon = await stage.start(off)
      expect(await daemon.client.finish(await daemon.client.startTask(walled.session_id, 'anything'))).toMatchObject(failure)
    }
    await using daemon = await stage.start(required)
    expect(await daemon.client.finish(await daemon.client.startTask(bare.session_id, 'anything'))).toMatchObject(failure)
  })

  test('is not opened for a root that has gone meanwhile', async () => {
    await using stage = await createStage([])
    await using daemon = await stage.start()
    const { client } = daemon
    const root = join(stage.folder.path, 'beside')
    await mkdir(root)
    const { session_id } = await client.createSession(stage.session({ writableRoots: [root] }))
    await rm(root, { recursive: true })
    expect(await client.finish(await client.startTask(session_id, 'anything'))).toMatchObject({
      type: 'task.failed',
      payload: { error: { code: 'cwd_not_allowed', message: expect.stringContaining('writable root') } },
    })
  })

  test('is a reason not to start where it is required and cannot be had', async () => {
    await using folder = await createFolder()
    // In here user namespaces are used up, so that nobody can make another wall.
    const inside = ['--dev-bind', '/', '/', '--unshare-user', '--disable-userns', '--', process.execPath, executable]
    const ended = await run('bwrap', [...inside, ...required, '--data-dir', folder.dataDir], { env: { XDG_CONFIG_HOME: '/nonexistent' } })
    expect(ended, ended.stderr).toMatchObject({ code: 69, stdout: '' })
    expect(ended.stderr.split('\n').filter((line) => line.startsWith('codesdkd: '))).toEqual([
      expect.stringMatching(/^codesdkd: there is no sandbox: .*user namespace/i),
    ])
  })
})
