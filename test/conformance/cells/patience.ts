import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { heard } from '../heard.ts'
import { finish, waitingCall } from '../round.ts'
import { shell } from '../script.ts'

/** Longer than the minute after which agents and their hooks like to give up. */
const longMs = 70_000

/** The only cells that wait for time to pass: that nothing happens meanwhile is what they show. */
export const patience: readonly Cell[] = [
  {
    name: 'ask: a decision may take longer than a minute; until then nothing happens, and then the command runs',
    limitMs: longMs + 90_000,
    async run(stage) {
      stage.script({ touch: [{ tools: [shell('touch made.txt')] }, { text: 'Made it.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'touch')
      const call = await waitingCall(client, session)
      const before = await client.events(session.session_id)
      await setTimeout(longMs)
      expect(await client.events(session.session_id)).toEqual(before)
      expect(await stage.folder.read('made.txt')).toBeNull()
      expect((await client.approve(call)).status).toBe(200)
      expect((await finish(client, session, task)).end.type).toBe('task.completed')
      expect(await stage.folder.read('made.txt')).toBe('')
    },
  },
  {
    name: 'a tool of the host may take longer than a minute',
    needs: { supports_host_tools: true },
    limitMs: longMs + 90_000,
    async run(stage) {
      stage.script({
        bake: [{ tools: [{ tool: 'mcp', server: 'codesdkd', name: 'bake', input: { pizza: 'Funghi' } }] }, { text: 'Baked.' }],
      })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const bake = { name: 'bake', description: 'Bakes a pizza.', permission: 'read-only', input_schema: { type: 'object' } }
      const task = await client.startTask(session.session_id, 'bake', { toolManifest: [bake] })
      const { tool_call_id, attempt, input_hash } = (await client.event(session.session_id, 'tool.call.started')).payload
      await setTimeout(longMs)
      const path = `/sessions/${session.session_id}/tool-calls/${tool_call_id}/result`
      expect((await client.post(path, { attempt, input_hash, result: 'still warm' })).status).toBe(200)
      expect((await finish(client, session, task)).end.type).toBe('task.completed')
      expect(heard(stage.model, 'still warm')).toBe(true)
    },
  },
]
