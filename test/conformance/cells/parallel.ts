import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, first, ofType, only } from '../events.ts'
import { heard } from '../heard.ts'
import { finish, play, waitingCalls } from '../round.ts'
import { shell } from '../script.ts'

/** Several calls in one answer of the model. */
export const parallel: readonly Cell[] = [
  {
    name: 'ask: two parallel calls wait at once and are decided one by one, the later one first',
    quick: true,
    needs: { supports_parallel_tool_calls: true },
    proves: { supports_parallel_tool_calls: true },
    async run(stage) {
      stage.script({ both: [{ tools: [shell('touch one.txt'), shell('touch two.txt')] }, { text: 'Half of it.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'both')
      const calls = await waitingCalls(client, session, 2)
      const titled = (title: string) => first(calls.filter(({ payload }) => payload.title === title))
      expect((await client.deny(titled('touch two.txt'), 'One is enough.')).status).toBe(200)
      expect((await client.approve(titled('touch one.txt'))).status).toBe(200)
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.completed')
      expect(decisions(events).toSorted()).toEqual(['touch one.txt: approved by user (person)', 'touch two.txt: denied by user (person)'])
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
      expect(heard(stage.model, 'One is enough.', { leg: 1 })).toBe(stage.subject.capabilities.supports_deny_reason)
    },
  },
  {
    name: 'ask: the calls of one answer of the model wait one after the other, and each gets its own decision',
    needs: { supports_parallel_tool_calls: false },
    proves: { supports_parallel_tool_calls: false, max_outstanding_tool_calls: 1 },
    async run(stage) {
      stage.script({ both: [{ tools: [shell('touch one.txt'), shell('touch two.txt')] }, { text: 'Half of it.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const { end, events } = await play(client, stage.session(), 'both', {
        decide: ({ payload }) => (payload.title === 'touch one.txt' ? null : 'One is enough.'),
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(['touch one.txt: approved by user (person)', 'touch two.txt: denied by user (person)'])
      const [, second] = ofType(events, 'tool.call.requested')
      expect(second?.seq).toBeGreaterThan(only(events, 'tool.call.approved').seq)
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
    },
  },
  {
    name: 'ask: eight parallel calls with mixed decisions in reverse order each get their own',
    needs: { max_outstanding_tool_calls: null },
    proves: { max_outstanding_tool_calls: null },
    async run(stage) {
      const names = Array.from({ length: 8 }, (_, index) => `file-${index}.txt`)
      stage.script({ many: [{ tools: names.map((name) => shell(`touch ${name}`)) }, { text: 'Every other one.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'many')
      const calls = await waitingCalls(client, session, 8)
      const even = ({ payload }: { payload: { title: string } }) => Number(/\d/.exec(payload.title)?.[0]) % 2 === 0
      for (const call of calls.toReversed())
        expect((await (even(call) ? client.approve(call) : client.deny(call, 'an odd one'))).status).toBe(200)
      const { end } = await finish(client, session, task)
      expect(end.payload.receipt.approvals).toMatchObject({ approved: 4, denied: 4, by_user: 8 })
      const made = await Promise.all(names.map((name) => stage.folder.read(name)))
      expect(made).toEqual(names.map((_, index) => (index % 2 === 0 ? '' : null)))
    },
  },
]
