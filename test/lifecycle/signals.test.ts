import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createStage } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { host, urlOf } from './testing/host.ts'
import { freezeAgent, lives, processesWith, until } from './testing/processes.ts'

const scenarios = [
  { name: 'sleep', prompt: 'sleep', legs: [{ tools: [{ tool: 'shell' as const, command: 'sleep 600' }] }, { text: 'done' }] },
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made.txt' }] }, { text: 'done' }] },
]

describe.concurrent('an idle daemon', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends cleanly on %s', async (signal) => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir])
    const url = urlOf(await daemon.ready)
    daemon.child.kill(signal)
    expect(await daemon.ended).toBe(0)
    expect(daemon.output.stderr).toContain(`"why":"${signal}","msg":"shutting down"`)
    await expect(fetch(url)).rejects.toThrow()
  })

  test('is not moved by SIGPIPE, SIGUSR1 (no debugger opens), or a host that closes stdout and stderr', async () => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir, '--log-level', 'debug'])
    const url = urlOf(await daemon.ready)
    const answers = async () => (await fetch(`${url}/readyz`)).status
    for (const signal of ['SIGPIPE', 'SIGUSR1'] as const) {
      daemon.child.kill(signal)
      expect(await answers()).toBe(200)
    }
    for (const stream of [daemon.child.stdout, daemon.child.stderr]) if (stream !== null) await once(stream.destroy(), 'close')
    // A body that is no JSON, a session and the end: whatever is logged of them goes nowhere.
    expect((await fetch(`${url}/sessions`, { method: 'POST', body: '{' })).status).toBe(400)
    expect((await fetch(`${url}/sessions`, { method: 'POST', body: '{}' })).status).toBe(201)
    expect(await answers()).toBe(200)
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
    expect(daemon.output.stderr).not.toMatch(/debugger/i)
  })
})

/** An end event says what everybody must hear of a shutdown. */
const stopped = { type: 'task.stopped', payload: { reason: 'daemon_shutdown' } }

describe.concurrent('a busy daemon', () => {
  test(
    'refuses new work, tells 50 followers how its tasks end, and is gone in time although one agent hangs',
    { timeout: 60_000 },
    async () => {
      await using stage = await createStage(scenarios)
      const marker = `marker-${crypto.randomUUID()}`
      await using daemon = await stage.start()
      const { client } = daemon

      const busy = await client.createSession(stage.session({ permissionMode: 'yolo', env: { MARKER: marker } }))
      const running = await client.startTask(busy.session_id, 'sleep')
      const queued = await client.startTask(busy.session_id, 'touch')
      const asking = await client.createSession(stage.session())
      const waiting = await client.startTask(asking.session_id, 'touch')
      await client.event(asking.session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
      await client.event(busy.session_id, 'tool.call.started')
      const streams = await Promise.all(
        Array.from({ length: 50 }, () => fetch(`${client.url}/sessions/${busy.session_id}/events?stream=1`)),
      )
      const texts = Promise.all(streams.map((stream) => stream.text()))
      freezeAgent(marker)

      const ended = once(daemon.child, 'exit')
      daemon.child.kill('SIGTERM')
      await until('it is stopping', async () => (await client.get('/readyz')).status === 503)
      const refusal = { status: 503, body: { error: 'shutting_down', retryable: true } }
      for (const path of ['/sessions', `/sessions/${asking.session_id}/tasks`]) {
        const answer = await client.post(path, { messages: [{ role: 'user', content: 'more' }] })
        expect(answer).toMatchObject(refusal)
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
      }
      expect((await client.get(`/sessions/${busy.session_id}`)).status).toBe(200)

      for (const text of await texts) {
        expect(text.match(/"type":"task\.stopped"[^\n]*"reason":"daemon_shutdown"/g)).toHaveLength(2)
        expect(text).toMatch(/\n: closing\n\n$/)
      }
      expect(await ended).toEqual([0, null])
      expect(processesWith(marker).filter(lives)).toEqual([])

      await using next = await stage.start()
      for (const task of [running, queued, waiting]) {
        const events = (await next.client.events(task.session_id)).filter(({ trace }) => trace.task_id === task.task_id)
        expect(events.at(-1)).toMatchObject(stopped)
        expect(await next.client.task(task)).toMatchObject({ status: 'stopped', reason: 'daemon_shutdown' })
      }
      const denied = (await next.client.events(asking.session_id)).find(({ type }) => type === 'tool.call.denied')
      expect(denied).toMatchObject({ payload: { decided_by: 'daemon', reason: 'daemon_shutdown' } })
      expect(await stage.folder.read('made.txt')).toBeNull()
      expect((await next.client.get('/status')).body.issues).not.toContainEqual(expect.objectContaining({ kind: 'leftovers_ended' }))
    },
  )

  test('that is told twice ends at once; the next one ends what it left', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    const marker = `marker-${crypto.randomUUID()}`
    // Behind the wall the kernel would leave nothing.
    await using daemon = await stage.start(['--sandbox', 'off'])
    const session = await daemon.client.createSession(stage.session({ permissionMode: 'yolo', env: { MARKER: marker } }))
    const task = await daemon.client.startTask(session.session_id, 'sleep')
    await daemon.client.event(session.session_id, 'tool.call.started')
    const agent = freezeAgent(marker)
    daemon.child.kill('SIGTERM')
    await until('it is stopping', async () => (await daemon.client.get('/readyz')).status === 503)
    expect(await daemon.end('SIGTERM')).toEqual({ code: 1, signal: null })
    expect(lives(agent)).toBe(true)

    await using next = await stage.start()
    expect(processesWith(marker).filter(lives)).toEqual([])
    expect((await next.client.get('/status')).body.issues).toContainEqual(
      expect.objectContaining({ kind: 'leftovers_ended', severity: 'info' }),
    )
    expect(await next.client.task(task)).toMatchObject({ status: 'failed', error: { code: 'daemon_restarted', retryable: true } })
  })

  test('is gone in time although an agent hangs before its next turn begins', { timeout: 60_000 }, async () => {
    await using stage = await createStage(scenarios)
    const marker = `marker-${crypto.randomUUID()}`
    await using daemon = await stage.start()
    const { client } = daemon
    const { session_id } = await client.createSession(stage.session({ permissionMode: 'yolo', env: { MARKER: marker } }))
    await client.finish(await client.startTask(session_id, 'touch'))
    const agent = freezeAgent(marker)
    const task = await client.startTask(session_id, 'touch')
    await client.event(session_id, 'model.input', ({ trace }) => trace.task_id === task.task_id)
    expect(await daemon.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(lives(agent)).toBe(false)

    await using next = await stage.start()
    expect((await next.client.get('/status')).body.issues).not.toContainEqual(expect.objectContaining({ kind: 'leftovers_ended' }))
    expect(await next.client.task(task)).toMatchObject({ status: 'stopped', reason: 'daemon_shutdown' })
  })

  test('is gone in time although an agent neither comes up nor obeys', { timeout: 60_000 }, async () => {
    await using stage = await createStage([])
    const stubborn = join(stage.folder.path, 'stubborn')
    writeFileSync(stubborn, '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.1; done\n', { mode: 0o700 })
    const marker = `marker-${crypto.randomUUID()}`
    await using daemon = await stage.start(['--codex-bin', stubborn])
    const session = await daemon.client.createSession(stage.session({ env: { MARKER: marker } }))
    const task = await daemon.client.startTask(session.session_id, 'hello')
    await until('the agent runs', () => processesWith(marker).length > 0)
    expect(await daemon.end()).toEqual({ code: 0, signal: null })
    expect(processesWith(marker).filter(lives)).toEqual([])
    await using next = await stage.start()
    expect(await next.client.task(task)).toMatchObject({ status: 'stopped', reason: 'daemon_shutdown' })
  })
})
