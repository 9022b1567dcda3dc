import { expect } from 'vitest'
import { beginsLike, type Proofs, type World } from '../world.ts'

export const taskProofs: Proofs = {
  'POST /sessions/<sessionId>/tasks': {
    async 'Starts a task.'({ client, stage }) {
      const session = await client.createSession(stage.session())
      const answer = await client.post(`/sessions/${session.session_id}/tasks`, { messages: [{ role: 'user', content: 'say hello' }] })
      expect(answer.status).toBe(202)
      const end = await client.finish(answer.body)
      expect(end.type).toBe('task.completed')
      expect((await client.event(session.session_id, 'model.output.completed')).payload.content).toEqual([
        { type: 'text', text: 'Hello from the offline model.' },
      ])
    },
    async '`messages` (**required**) transcript messages'({ client }) {
      const { session_id } = await client.createSession({})
      for (const body of [{}, { messages: [] }, { messages: 'x' }])
        expect(await client.post(`/sessions/${session_id}/tasks`, body)).toMatchObject({
          status: 400,
          body: { error: 'invalid_request', field: 'messages' },
        })
      expect(
        await client.post(`/sessions/${session_id}/tasks`, {
          messages: [
            { role: 'user', content: 'x' },
            { role: 'nobody', content: 'x' },
          ],
        }),
      ).toMatchObject({
        status: 400,
        body: { field: 'messages[1].role', allowed: ['system', 'user', 'assistant', 'tool'] },
      })
    },
    async '`taskId` (optional; default generated)'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session())
      const generated = await client.startTask(session_id, 'say hello')
      expect(generated.task_id).toMatch(/^[A-Za-z0-9._-]{1,128}$/)
      const named = await client.startTask(session_id, 'say hello', { taskId: 'my-task.1' })
      expect(named.task_id).toBe('my-task.1')
      await client.finish(named)
      const again = await client.post(`/sessions/${session_id}/tasks`, {
        messages: [{ role: 'user', content: 'say hello' }],
        taskId: 'my-task.1',
      })
      expect(again).toMatchObject({ status: 202, body: { task_id: 'my-task.1' } })
      expect(again.headers.get('idempotent-replay')).toBe('true')
      expect(
        (await client.events(session_id)).filter(({ type, trace }) => type === 'task.started' && trace.task_id === 'my-task.1'),
      ).toHaveLength(1)
      expect(
        await client.post(`/sessions/${session_id}/tasks`, { messages: [{ role: 'user', content: 'other' }], taskId: 'my-task.1' }),
      ).toMatchObject({ status: 409, body: { error: 'task_exists' } })
    },
    async '`permissionMode` (optional; default from session or daemon default)'({ client, stage }) {
      expect(await client.createSession({})).toMatchObject({ permission_mode: 'auto' })
      const asking = await client.createSession(stage.session({ permissionMode: 'ask' }))
      const bold = await client.startTask(asking.session_id, 'write a file', { permissionMode: 'yolo' })
      expect((await client.finish(bold, () => 'leave')).payload.receipt.approvals).toMatchObject({ approved: 1, by_user: 0 })
      const careful = await client.startTask(asking.session_id, 'write a file')
      expect((await client.finish(careful)).payload.receipt.approvals).toMatchObject({ approved: 1, by_user: 1 })
    },
    async '`runtimeConfig` (optional)'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session())
      const started = await client.startTask(session_id, 'say hello', { runtimeConfig: { reasoning_effort: 'low' } })
      expect((await client.finish(started)).type).toBe('task.completed')
      expect(
        (await client.post(`/sessions/${session_id}/tasks`, { messages: [{ role: 'user', content: 'x' }], runtimeConfig: 5 })).status,
      ).toBe(400)
    },
    async '`toolManifest` (optional; defaults to daemon tool registry manifest when present)'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session())
      expect((await client.finish(await client.startTask(session_id, 'say hello', { toolManifest: {} }))).type).toBe('task.completed')
      const manifest = { tools: [{ name: 'clock', description: 'Tells the time.', input_schema: { type: 'object' } }] }
      const offered = await client.startTask(session_id, 'say hello', { toolManifest: manifest })
      expect((await client.finish(offered)).type).toBe('task.completed')
      expect(
        await client.post(`/sessions/${session_id}/tasks`, { messages: [{ role: 'user', content: 'x' }], toolManifest: ['clock'] }),
      ).toMatchObject({ status: 400, body: { error: 'invalid_tool_manifest', field: 'tool_manifest[0]', allowed: [] } })
    },
    async '{"session_id":"...","task_id":"...","status":"started"}'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session())
      const started = await client.startTask(session_id, 'say hello')
      expect(beginsLike(started, '{"session_id":"...","task_id":"...","status":"started"}')).toBe(true)
      expect(started).toMatchObject({ session_id, status: 'started' })
      await client.finish(started)
    },
  },
  'GET /sessions/<sessionId>/tasks/<taskId>': {
    async 'Returns task status derived from terminal events:'({ client, stage, bigRun }) {
      const { sessionId, taskId, end } = await bigRun()
      const done = await client.task({ session_id: sessionId, task_id: taskId })
      expect(end.type).toBe(`task.${done.status}`)
      expect(done).toMatchObject({ last_seq: end.seq, phase: 'completed', ended_at: end.time, receipt: end.payload.receipt })
      const { session_id } = await client.createSession(stage.session())
      expect(await client.get(`/sessions/${session_id}/tasks/nope`)).toMatchObject({ status: 404, body: { error: 'task_not_found' } })
    },
    async '{"session_id":"...","task_id":"...","status":"running","last_seq":123}'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session())
      const started = await client.startTask(session_id, 'write a file')
      await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
      const task = await client.task(started)
      expect(beginsLike(task, '{"session_id":"...","task_id":"...","status":"running","last_seq":123}')).toBe(true)
      expect(task).toMatchObject({
        session_id,
        task_id: started.task_id,
        status: 'running',
        phase: 'waiting_approval',
        last_seq: (await client.events(session_id)).length,
      })
      await client.finish(started, () => 'no')
    },
  },
  'POST /sessions/<sessionId>/tasks/<taskId>/stop': {
    async 'Requests best-effort task cancellation and emits `task.stopped`.'({ client, stage }) {
      const { session_id } = await client.createSession(stage.session({ runtimeConfig: { stream_idle_timeout_ms: 60_000 } }))
      const running = await client.startTask(session_id, 'hang')
      const queued = await client.startTask(session_id, 'hang')
      expect(queued.phase).toBe('queued')
      await stage.model.journal.waitFor(({ scenario, conversation: _ignored }) => scenario === 'hang')
      const stop = (taskId: string) => client.post(`/sessions/${session_id}/tasks/${taskId}/stop`)
      expect(await stop(queued.task_id)).toMatchObject({ status: 200, body: { ok: true, task_id: queued.task_id, status: 'stopped' } })
      expect(await stop(running.task_id)).toMatchObject({ status: 200, body: { ok: true, task_id: running.task_id } })
      expect((await client.finish(running)).type).toBe('task.stopped')
      expect(await stop(running.task_id)).toMatchObject({ status: 200, body: { ok: true, status: 'stopped' } })
      expect((await client.events(session_id)).filter(({ type }) => type === 'task.stopped')).toHaveLength(2)
      expect(await stop('nope')).toMatchObject({ status: 404, body: { error: 'task_not_found' } })
    },
  },
  'POST /sessions/<sessionId>/tool-calls/<toolCallId>/approve': {
    async 'Used when `permissionMode=ask` (pauses tool execution until a decision).'(world) {
      const { client, call, ran, started } = await askToWrite(world)
      const before = await ran()
      // The call is held: it still waits after a whole other task has come and gone.
      const other = await client.createSession(world.stage.session())
      await client.finish(await client.startTask(other.session_id, 'say hello'))
      expect(await ran()).toBe(before)
      expect((await client.get('/approvals')).body.approvals).toContainEqual(
        expect.objectContaining({ tool_call_id: call.payload.tool_call_id, input_hash: call.payload.input_hash }),
      )
      expect((await client.approve(call)).status).toBe(200)
      expect((await client.finish(started)).type).toBe('task.completed')
      expect(await ran()).toBe(before + 1)
    },
    async '{"attempt":1,"input_hash":"sha256:..."}'(world) {
      const { client, call, ran, started } = await askToWrite(world)
      const before = await ran()
      const { tool_call_id, attempt, input_hash } = call.payload
      expect({ attempt, input_hash }).toEqual({ attempt: 1, input_hash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) })
      const path = `/sessions/${started.session_id}/tool-calls/${tool_call_id}/approve`
      expect(await client.post(path, { attempt: 2, input_hash })).toMatchObject({ status: 409, body: { error: 'attempt_mismatch' } })
      expect(await client.post(path, { attempt, input_hash: `sha256:${'0'.repeat(64)}` })).toMatchObject({
        status: 409,
        body: { error: 'input_hash_mismatch' },
      })
      expect(await client.post(path, {})).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
      expect(await ran()).toBe(before)
      expect(await client.post(path, { attempt, input_hash })).toMatchObject({
        status: 200,
        body: { ok: true, tool_call_id, decision: 'approved' },
      })
      expect(await client.post(path, { attempt, input_hash })).toMatchObject({ status: 200, body: { decision: 'approved' } })
      await client.finish(started)
      expect(await ran()).toBe(before + 1)
    },
  },
  'POST /sessions/<sessionId>/tool-calls/<toolCallId>/deny': {
    async '{"attempt":1,"input_hash":"sha256:...","reason":"optional human reason"}'(world) {
      const { client, call, ran, started } = await askToWrite(world)
      const before = await ran()
      const { tool_call_id, attempt, input_hash } = call.payload
      const path = `/sessions/${started.session_id}/tool-calls/${tool_call_id}/deny`
      expect(await client.post(path, { attempt, input_hash, reason: 'not on a Sunday' })).toMatchObject({
        status: 200,
        body: { ok: true, tool_call_id, decision: 'denied' },
      })
      expect(await client.approve(call)).toMatchObject({ status: 409, body: { error: 'already_decided' } })
      await client.finish(started)
      expect(await ran()).toBe(before)
      expect((await client.event(started.session_id, 'tool.call.denied')).payload).toMatchObject({
        decided_by: 'user',
        reason: 'not on a Sunday',
      })
      expect(JSON.stringify(world.stage.model.journal.entries.at(-1)?.body)).toContain('not on a Sunday')
      const { client: again, call: second, started: next } = await askToWrite(world)
      const { payload } = second
      expect(
        (
          await again.post(`/sessions/${next.session_id}/tool-calls/${payload.tool_call_id}/deny`, {
            attempt: payload.attempt,
            input_hash: payload.input_hash,
          })
        ).status,
      ).toBe(200)
      await again.finish(next)
    },
  },
}

/** A task in mode `ask` whose one call waits for a decision. */
async function askToWrite({ client, stage }: World) {
  const { session_id } = await client.createSession(stage.session({ permissionMode: 'ask' }))
  const started = await client.startTask(session_id, 'write a file')
  const call = await client.event(session_id, 'tool.call.requested')
  await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  const ran = async () => ((await stage.folder.read('ran.txt')) ?? '').split('\n').length - 1
  return { client, started, call, ran }
}
