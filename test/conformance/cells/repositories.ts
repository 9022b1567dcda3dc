import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType, only } from '../events.ts'
import { play, type Round } from '../round.ts'
import { shell } from '../script.ts'
import type { Stage } from '../stage.ts'

/** Two tasks in a workspace that carries the worst configuration there is for this agent, with a call that must be asked in each. */
async function playHostile(stage: Stage, trustWorkspace: boolean): Promise<{ rounds: readonly Round[]; marks: readonly string[] }> {
  // Where it can be made, also behind a wall.
  await stage.subject.hostileRepository(stage.folder.workspace, join(stage.folder.workspace, 'mark'))
  const legs = (file: string) => [{ tools: [shell(`touch ${file}`)] }, { text: 'Not made.' }]
  stage.script({ one: legs('one.txt'), two: legs('two.txt') })
  await using daemon = await stage.open()
  const first = await play(daemon.client, stage.session({ trustWorkspace }), 'one', { decide: () => 'no' })
  const second = await play(daemon.client, first.session, 'two', { decide: () => 'no' })
  const names = await readdir(stage.folder.workspace)
  return { rounds: [first, second], marks: names.filter((name) => name.startsWith('mark-')) }
}

/** Whatever the repository says: a person was asked, and what she denied did not happen. */
async function expectAsked(stage: Stage, rounds: readonly Round[]): Promise<void> {
  expect(rounds.map(({ end }) => end.type)).toEqual(['task.completed', 'task.completed'])
  for (const { events } of rounds) expect(ofType(events, 'tool.call.denied').map(({ payload }) => payload.decided_by)).toEqual(['user'])
  expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual([null, null])
}

export const repositories: readonly Cell[] = [
  {
    name: 'ask: what a repository brings for the agent (hooks, MCP servers, rules that allow everything) is not obeyed',
    async run(stage) {
      const { rounds, marks } = await playHostile(stage, false)
      expect(marks).toEqual([])
      await expectAsked(stage, rounds)
    },
  },
  {
    name: 'ask: with trustWorkspace what the repository brings is obeyed, and every call is asked all the same',
    needs: { obeys_trusted_workspace: true, asks_in_trusted_workspace: true },
    proves: { obeys_trusted_workspace: true, asks_in_trusted_workspace: true },
    async run(stage) {
      const { rounds, marks } = await playHostile(stage, true)
      expect(marks).not.toEqual([])
      await expectAsked(stage, rounds)
    },
  },
  {
    name: 'ask: with trustWorkspace what the repository brings is obeyed, and what its rules allow runs unasked and is shown as such',
    needs: { obeys_trusted_workspace: true, asks_in_trusted_workspace: false },
    proves: { obeys_trusted_workspace: true, asks_in_trusted_workspace: false },
    async run(stage) {
      const { rounds, marks } = await playHostile(stage, true)
      expect(marks).not.toEqual([])
      for (const { events } of rounds) expect(only(events, 'tool.call.approved').payload.decided_by).toBe('runtime')
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', ''])
    },
  },
  {
    name: 'ask: with trustWorkspace too, nothing that the repository brings is obeyed, and every call is asked',
    needs: { obeys_trusted_workspace: false, asks_in_trusted_workspace: true },
    proves: { obeys_trusted_workspace: false, asks_in_trusted_workspace: true },
    async run(stage) {
      const { rounds, marks } = await playHostile(stage, true)
      expect(marks).toEqual([])
      await expectAsked(stage, rounds)
    },
  },
]
