import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { decisions } from '../events.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'

/** What is true of OpenCode alone: it asks about the programs that it finds in a command. */
export const opencodeQuirks: readonly Cell[] = [
  {
    name: 'ask: a command in which OpenCode finds no program to ask about is asked as any other',
    async run(stage) {
      stage.script({ work: [{ tools: [shell('> one.txt')] }, { tools: [shell('cd . > two.txt')] }, { text: 'Half of it.' }] })
      await using daemon = await stage.open()
      const { end, events } = await play(daemon.client, stage.session(), 'work', {
        decide: ({ payload }) => (payload.title === '> one.txt' ? null : 'One is enough.'),
      })
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(['> one.txt: approved by user (person)', 'cd . > two.txt: denied by user (person)'])
      expect([await stage.folder.read('one.txt'), await stage.folder.read('two.txt')]).toEqual(['', null])
    },
  },
]
