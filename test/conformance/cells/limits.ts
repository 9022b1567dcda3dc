import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { only } from '../events.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'

export const limits: readonly Cell[] = [
  {
    name: 'five megabytes of output are a preview and an artifact, which holds all that the agent gave',
    proves: { supports_artifacts: true },
    async run(stage) {
      const lines = 500_000
      stage.script({ count: [{ tools: [shell(`seq -f %09.0f 1 ${lines}`)] }, { text: 'Counted.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'count')
      expect(end.type).toBe('task.completed')
      const { result_preview, result_ref = '', truncated } = only(events, 'tool.output.completed').payload
      expect(truncated).toBe(true)
      expect(result_preview.length).toBeLessThanOrEqual(8192)
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ result_preview, result_ref, exit_code: 0 })
      const artifact = await daemon.client.get(`/artifacts/${result_ref}`)
      expect([artifact.status, artifact.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8'])
      expect(artifact.text.startsWith(result_preview)).toBe(true)
      const { head, tail, omitted } = stage.subject.kept(artifact.text)
      const whole = Array.from({ length: lines }, (_, index) => `${String(index + 1).padStart(9, '0')}\n`).join('')
      expect(head.length + tail.length).toBeGreaterThan(0)
      expect([whole.startsWith(head), whole.endsWith(tail)]).toEqual([true, true])
      if (omitted !== null) expect(head === whole ? whole.length : head.length + tail.length + omitted).toBe(whole.length)
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
