import { existsSync } from 'node:fs'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions, ofType, only } from '../events.ts'
import { play } from '../round.ts'
import { shell, type ToolInput } from '../script.ts'

/** A command in the words of a model that writes a program which calls the tools. */
function program(command: string): ToolInput {
  return {
    tool: 'native',
    name: 'exec',
    input_text: `const result = await tools.exec_command({ cmd: ${JSON.stringify(command)} }); text(JSON.stringify(result))`,
  }
}

const leave = { leave: 'It has to be beside the workspace.' }

/** What is true of Codex alone: its default models speak to it in code, and it leaves its own sandbox of its own accord. */
export const codexQuirks: readonly Cell[] = [
  {
    name: 'ask: a command that stands in a program of the model is asked as any other',
    async run(stage) {
      stage.script({
        work: [
          { tools: [program('cat greet.js')] },
          { tools: [program('touch one.txt')] },
          { tools: [program('touch two.txt')] },
          { text: 'Half of it.' },
        ],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ model: 'gpt-6.1-sol' }), 'work', {
        decide: ({ payload }) => (payload.title === 'touch one.txt' ? null : 'One is enough.'),
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events).filter((one) => !one.includes('code_mode'))).toEqual([
        'cat greet.js: approved by policy (read_only)',
        'touch one.txt: approved by user (person)',
        'touch two.txt: denied by user (person)',
      ])
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
    },
  },
  {
    name: 'auto: a command that stands in a program of the model is confined as any other',
    async run(stage) {
      stage.script({
        work: [{ tools: [program('touch inside.txt')] }, { tools: [program('touch ../outside.txt')] }, { text: 'Half of it.' }],
      })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session({ model: 'gpt-6.1-sol', permissionMode: 'auto' }), 'work')
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toContainEqual(expect.stringMatching(/^touch inside.txt: approved by policy/))
      expect([await stage.folder.read('inside.txt'), await stage.folder.read('../outside.txt')]).toEqual(['', null])
    },
  },
  {
    name: 'ask: what a person approved stays in the sandbox, and Codex does not do it once more outside of it',
    async run(stage) {
      stage.script({ leave: [{ tools: [shell('touch ../outside.txt /usr/outside.txt', leave)] }, { text: 'In.' }] })
      await using daemon = await stage.open()
      const { events } = await play(daemon.client, stage.session(), 'leave', { decide: () => null })
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ is_error: true, execution_env: 'sandbox' })
      // Beside the workspace may be a directory for temporary files, of which the sandbox has one of its own.
      expect([await stage.folder.read('../outside.txt'), existsSync('/usr/outside.txt')]).toEqual([null, false])
    },
  },
  {
    name: "without the daemon's sandbox, in auto: a command in a program of the model is confined by Codex",
    async run(stage) {
      stage.script({
        work: [{ tools: [program('touch inside.txt')] }, { tools: [program('touch ../outside.txt')] }, { text: 'Half of it.' }],
      })
      await using daemon = await stage.open(['--sandbox', 'off'])
      const { end, events } = await play(daemon.client, stage.session({ model: 'gpt-6.1-sol', permissionMode: 'auto' }), 'work')
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toContainEqual(expect.stringMatching(/^touch inside.txt: approved by runtime/))
      // Codex shows no item for a command that its sandbox refused; what came of it stands in the result of the program.
      expect(ofType(events, 'tool.call.completed').at(-1)?.payload.result_preview).toContain('cannot touch')
      expect([await stage.folder.read('inside.txt'), await stage.folder.read('../outside.txt')]).toEqual(['', null])
    },
  },
  {
    name: "without the daemon's sandbox, in ask: what a person approved and Codex's sandbox refuses, Codex may do once more outside of it, and the capabilities say so",
    async run(stage) {
      stage.script({ leave: [{ tools: [shell('touch ../outside.txt')] }, { text: 'Out.' }] })
      await using daemon = await stage.open(['--sandbox', 'off'])
      const { events } = await play(daemon.client, stage.session(), 'leave', { decide: () => null })
      // It does so when it notices the refusal soon enough. Nobody can tell, so nobody is told that the command was confined.
      const { is_error, execution_env } = only(events, 'tool.call.completed').payload
      expect(execution_env).toBe('unknown')
      expect((await stage.folder.read('../outside.txt')) === null).toBe(is_error)
      expect(stage.subject.capabilities.notes).toContainEqual(expect.stringMatching(/once more outside the sandbox/))
    },
  },
]
