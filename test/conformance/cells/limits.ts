import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Event } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { only } from '../events.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'

/** Ten bytes a line. */
const lines = 500_000
const counting = `seq -f %09.0f 1 ${lines}`

export const limits: readonly Cell[] = [
  {
    name: 'five megabytes of output are a preview and an artifact, which holds all that the agent gave',
    needs: { bounds_large_output: true },
    proves: { supports_artifacts: true, bounds_large_output: true },
    async run(stage) {
      stage.script({ count: [{ tools: [shell(counting)] }, { text: 'Counted.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'count')
      expect(end.type).toBe('task.completed')
      await expectWhole(stage, daemon.client, events)
    },
  },
  {
    name: 'five megabytes of output are a preview and an artifact; for the model they are too much, and the session lives on',
    needs: { bounds_large_output: false },
    proves: { supports_artifacts: true, bounds_large_output: false },
    async run(stage) {
      stage.script({ count: [{ tools: [shell(counting)] }, { text: 'Counted.' }], after: [{ text: 'Here again.' }] })
      await using daemon = await stage.open()
      const { session, end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'count')
      expect(end.payload.error).toMatchObject({ code: 'context_window_exceeded' })
      await expectWhole(stage, daemon.client, events)
      expect((await play(daemon.client, session, 'after')).end.type).toBe('task.completed')
    },
  },
  {
    name: 'a working directory that has vanished fails the task before the agent starts',
    async run(stage) {
      const cwd = join(stage.folder.path, 'vanishing')
      await mkdir(cwd)
      stage.script({ hello: [{ text: 'Hello.' }] })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session({ cwd }))
      await rm(cwd, { recursive: true })
      const { end } = await play(daemon.client, session, 'hello')
      expect(end.type).toBe('task.failed')
      expect(end.payload.error).toMatchObject({ code: 'cwd_not_allowed', retryable: false })
      expect(await stage.agents()).toEqual([])
      await mkdir(cwd)
      expect((await play(daemon.client, session, 'hello')).end.type).toBe('task.completed')
    },
  },
  {
    name: 'tools of the host are refused while the runtime cannot take them',
    needs: { supports_host_tools: false },
    proves: { supports_host_tools: false },
    async run(stage) {
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const toolManifest = { tools: [{ name: 'lookup', description: 'Looks something up.', input_schema: { type: 'object' } }] }
      const answer = await client.post(`/sessions/${session.session_id}/tasks`, {
        messages: [{ role: 'user', content: 'hello' }],
        toolManifest,
      })
      expect([answer.status, answer.body.error]).toEqual([400, 'tool_manifest_unsupported'])
    },
  },
]

/** The result of the one call is in the events as far as they hold it, and whole in its artifact. */
async function expectWhole({ subject }: Stage, client: TestClient, events: readonly Event[]): Promise<void> {
  const { result_preview, result_ref = '', truncated } = only(events, 'tool.output.completed').payload
  expect(truncated).toBe(true)
  expect(result_preview.length).toBeLessThanOrEqual(8192)
  expect(only(events, 'tool.call.completed').payload).toMatchObject({ result_preview, result_ref, exit_code: 0 })
  const artifact = await client.get(`/artifacts/${result_ref}`)
  expect([artifact.status, artifact.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
  expect(artifact.text.startsWith(result_preview)).toBe(true)
  const { head, tail, omitted } = subject.kept(artifact.text)
  const whole = Array.from({ length: lines }, (_, index) => `${String(index + 1).padStart(9, '0')}\n`).join('')
  expect(head.length + tail.length).toBeGreaterThan(0)
  expect([whole.startsWith(head), whole.endsWith(tail)]).toEqual([true, true])
  if (omitted !== null) expect(head === whole ? whole.length : head.length + tail.length + omitted).toBe(whole.length)
}
