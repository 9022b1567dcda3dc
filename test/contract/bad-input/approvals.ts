import { join } from 'node:path'
import { expect } from 'vitest'
import { spawnDaemon } from '../../harness/daemon.ts'
import type { Row } from './target.ts'

/** 5.8: approvals. */
export const approvalRows: readonly Row[] = [
  {
    id: 'B130 B132 B133 B134 B135 B141',
    name: 'every way to get attempt, hash, call and session wrong leaves the call waiting',
    async check({ open, waiting }) {
      const { client, sessionId, taskId, call, ran } = await waiting()
      const before = await ran()
      const { tool_call_id, input_hash } = call.payload
      const path = `/sessions/${sessionId}/tool-calls/${tool_call_id}`
      for (const body of [
        undefined,
        {},
        { input_hash },
        { attempt: 1 },
        ...['1', 1.5, 0, -1, 2 ** 53, null].map((attempt) => ({ attempt, input_hash })),
      ]) {
        expect(await client.post(`${path}/approve`, body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
      }
      expect(await client.post(`${path}/approve`, { attempt: 2, input_hash })).toMatchObject({
        status: 409,
        body: { error: 'attempt_mismatch' },
      })
      expect(await client.post(`${path}/approve`, { attempt: 1, input_hash: 'sha256:0' })).toMatchObject({
        status: 409,
        body: { error: 'input_hash_mismatch' },
      })
      const other = await open.client.createSession({})
      for (const wrong of [
        `/sessions/${other.session_id}/tool-calls/${tool_call_id}`,
        `/sessions/${sessionId}/tool-calls/nope`,
        `/sessions/${sessionId}/tool-calls/__proto__`,
        `/sessions/${sessionId}/tool-calls/..%2f`,
      ]) {
        expect(await client.post(`${wrong}/approve`, { attempt: 1, input_hash })).toMatchObject({
          status: 404,
          body: { error: 'tool_call_not_pending' },
        })
      }
      expect(await client.task({ session_id: sessionId, task_id: taskId })).toMatchObject({ phase: 'waiting_approval' })
      for (const remember of ['forever', 1, null])
        expect((await client.post(`${path}/approve`, { attempt: 1, input_hash, remember })).status).toBe(400)
      for (const reason of ['x'.repeat(4_097), 5, null])
        expect((await client.post(`${path}/deny`, { attempt: 1, input_hash, reason })).status).toBe(400)
      expect((await client.post(`${path}/deny`, { attempt: 1, input_hash, reason: 'x'.repeat(1_100_000) })).status).toBe(413)
      const reason = 'no\u001b[31m\n{"level":"error"}\u2028'
      expect((await client.post(`${path}/deny`, { attempt: 1, input_hash, reason })).status).toBe(200)
      expect((await client.event(sessionId, 'tool.call.denied')).payload.reason).toBe(reason)
      expect((await client.finish({ session_id: sessionId, task_id: taskId })).type).toBe('task.completed')
      expect(await ran()).toBe(before)
    },
  },
  {
    id: 'B136',
    name: 'approved twice it runs once, and cannot be denied any more',
    async check({ waiting }) {
      const { client, sessionId, taskId, call, ran } = await waiting()
      const before = await ran()
      expect([(await client.approve(call)).status, (await client.approve(call)).status]).toEqual([200, 200])
      expect(await client.deny(call, 'late')).toMatchObject({ status: 409, body: { error: 'already_decided' } })
      await client.finish({ session_id: sessionId, task_id: taskId })
      expect(await ran()).toBe(before + 1)
    },
  },
  {
    id: 'B138',
    name: '50 approvals against 50 denials: one winner',
    async check({ waiting }) {
      const { client, sessionId, taskId, call, ran } = await waiting()
      const before = await ran()
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_unused, index) => (index % 2 === 0 ? client.approve(call) : client.deny(call, 'no'))),
      )
      expect(Object.fromEntries([200, 409].map((status) => [status, answers.filter((one) => one.status === status).length]))).toEqual({
        200: 50,
        409: 50,
      })
      await client.finish({ session_id: sessionId, task_id: taskId })
      const decisions = (await client.events(sessionId)).filter(({ type }) => type === 'tool.call.approved' || type === 'tool.call.denied')
      expect(decisions).toHaveLength(1)
      expect(await ran()).toBe(before + (decisions[0]?.type === 'tool.call.approved' ? 1 : 0))
    },
  },
  {
    id: 'B139',
    name: 'approved after the stop: too late',
    async check({ waiting }) {
      const { client, sessionId, taskId, call, ran } = await waiting()
      const before = await ran()
      expect((await client.post(`/sessions/${sessionId}/tasks/${taskId}/stop`)).status).toBe(200)
      expect((await client.finish({ session_id: sessionId, task_id: taskId }, () => 'leave')).type).toBe('task.stopped')
      expect(await client.approve(call)).toMatchObject({ status: 409, body: { error: 'already_decided' } })
      expect(await ran()).toBe(before)
    },
  },
  {
    id: 'B139',
    name: 'approved after the task has ended by itself: too late',
    async check({ open: { client }, stage }) {
      const { session_id } = await client.createSession(stage.session({ permissionMode: 'ask' }))
      const before = (await stage.folder.read('ran.txt')) ?? ''
      const started = await client.startTask(session_id, 'write a file', { timeoutMs: 3_000 })
      const call = await client.event(session_id, 'tool.call.requested')
      expect(await client.finish(started, () => 'leave')).toMatchObject({ payload: { reason: 'deadline_exceeded' } })
      expect(await client.approve(call)).toMatchObject({ status: 409, body: { error: 'already_decided' } })
      expect((await stage.folder.read('ran.txt')) ?? '').toBe(before)
    },
  },
  {
    id: 'B139',
    name: 'approved after a restart: too late',
    async check({ stage }) {
      const args = ['--data-dir', join(stage.folder.path, 'strict', 'restarted')]
      const first = await spawnDaemon(args)
      const { session_id } = await first.client.createSession(stage.session({ permissionMode: 'ask' }))
      const started = await first.client.startTask(session_id, 'write a file')
      const call = await first.client.event(session_id, 'tool.call.requested')
      await first.client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
      const ran = (await stage.folder.read('ran.txt')) ?? ''
      await first.end('SIGKILL')
      await using second = await spawnDaemon(args)
      expect(await second.client.approve(call)).toMatchObject({ status: 409, body: { error: 'already_decided' } })
      expect(await second.client.task(started)).toMatchObject({ status: 'failed', error: { code: 'daemon_restarted', retryable: true } })
      expect((await stage.folder.read('ran.txt')) ?? '').toBe(ran)
    },
  },
  {
    id: 'B140',
    name: 'what approved the first attempt does not approve the second, although the input is the same',
    async check({ open: { client } }) {
      const call = { toolCallId: 'c', title: 'touch x', kind: 'execute', rawInput: { command: 'touch x' } }
      const { session_id } = await client.createSession({
        runtime: 'scripted',
        credentialNamespace: 'test',
        permissionMode: 'ask',
        sandbox: 'off',
      })
      const task = await client.startTask(session_id, JSON.stringify([{ ask: call }, { ask: call }]))
      const first = await client.event<'tool.call.requested'>(session_id, 'tool.call.requested')
      await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
      expect((await client.approve(first)).status).toBe(200)
      const second = await client.event<'tool.call.requested'>(session_id, 'tool.call.requested', ({ payload }) => payload.attempt === 2)
      await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.attempt === 2 && payload.result === 'ask')
      expect(second.payload).toMatchObject({ tool_call_id: first.payload.tool_call_id, input_hash: first.payload.input_hash })
      expect(await client.approve(first)).toMatchObject({ status: 409, body: { error: 'attempt_mismatch' } })
      expect((await client.get('/approvals')).body.approvals).toContainEqual(expect.objectContaining({ session_id, attempt: 2 }))
      expect((await client.deny(second, 'no')).status).toBe(200)
      expect((await client.finish(task)).type).toBe('task.completed')
    },
  },
  {
    id: 'B142',
    name: 'a call that no person was asked about',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(stage.session({ permissionMode: 'yolo' }))
      const started = await open.client.startTask(session_id, 'write a file')
      const call = await open.client.event(session_id, 'tool.call.requested')
      expect(await open.client.approve(call)).toMatchObject({ status: 404, body: { error: 'tool_call_not_pending' } })
      await open.client.finish(started)
    },
  },
]
