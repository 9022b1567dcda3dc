import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, ofType } from '../events.ts'
import { play } from '../round.ts'
import { shell, type ToolInput } from '../script.ts'

const background: ToolInput = { tool: 'native', name: 'Bash', input: { command: 'touch made.txt', run_in_background: true } }
const planMode: ToolInput = { tool: 'native', name: 'EnterPlanMode', input: {} }
const helper: ToolInput = {
  tool: 'native',
  name: 'Agent',
  input: { description: 'make files', prompt: 'help', subagent_type: 'general-purpose' },
}

/** What is true of Claude Code alone: it has helpers of its own, and ways to start turns that nobody asked for. */
export const claudeQuirks: readonly Cell[] = [
  {
    name: 'ask: the calls of a subagent are asked like any other',
    async run(stage) {
      stage.script({
        delegate: [{ tools: [helper] }, { text: 'It is done.' }],
        help: [{ tools: [shell('touch one.txt')] }, { tools: [shell('touch two.txt')] }, { text: 'Half of it.' }],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'delegate', {
        decide: ({ payload }) => (payload.title === 'touch two.txt' ? 'One is enough.' : null),
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual([
        'Agent make files: approved by user (person)',
        'touch one.txt: approved by user (person)',
        'touch two.txt: denied by user (person)',
      ])
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
    },
  },
  {
    name: 'commands in the background and plan mode are refused by Claude itself, and a notice says so',
    async run(stage) {
      stage.script({ hide: [{ tools: [background] }, { tools: [planMode] }, { text: 'I could not.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ permissionMode: 'yolo' }), 'hide')
      expect(end.type).toBe('task.completed')
      expect(ofType(events, 'tool.call.requested')).toEqual([])
      expect(ofType(events, 'runtime.notice').filter(({ payload }) => payload.kind === 'call_refused')).toHaveLength(2)
      expect(await stage.folder.read('made.txt')).toBeNull()
    },
  },
]
