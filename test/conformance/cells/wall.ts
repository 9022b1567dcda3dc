import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { ofType, only } from '../events.ts'
import { play } from '../round.ts'
import { shell } from '../script.ts'

const secret = 'not-for-any-other-session-7771'

/** What the sandbox around an agent keeps from it, and what is told of what it leaves behind. The escape suite looks for holes. */
export const wall: readonly Cell[] = [
  {
    name: 'yolo: the workspace and the home of another session, and the files of the daemon, are not there',
    async run(stage) {
      const { dataDir, path } = stage.folder
      const other = join(path, 'other')
      await mkdir(other)
      await writeFile(join(other, 'secret.txt'), secret)
      const plant = `echo ${secret} > "$HOME/secret.txt" && echo "$HOME" > home.txt`
      stage.script({ plant: [{ tools: [shell(plant)] }, { text: 'Planted.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const planted = await play(client, stage.session({ permissionMode: 'yolo' }), 'plant')
      expect(planted.end.type).toBe('task.completed')
      const home = (await stage.folder.read('home.txt'))?.trim() ?? ''
      expect(await readFile(join(home, 'secret.txt'), 'utf8')).toBe(`${secret}\n`)
      // The brackets keep the pattern from finding itself in what the agent writes down of it.
      const search = `grep -rhos 'not-for-[a]ny-other-session' ${dataDir} ${home}`
      const look = `cat ../other/* 2> /dev/null; ${search}; ls -1 ..; ls -1A ${dataDir}; echo looked`
      stage.script({ look: [{ tools: [shell(look)] }, { text: 'Nothing.' }] })
      const looked = await play(client, stage.session({ permissionMode: 'yolo' }), 'look')
      expect(looked.end.type).toBe('task.completed')
      const { result_preview } = only(looked.events, 'tool.output.completed').payload
      // Of what is around it there are only the directories that lead to its own.
      expect(result_preview).toContain('state\nworkspace\nnamespaces\nlooked')
      expect(result_preview).not.toContain('not-for-any')
    },
  },
  {
    name: 'auto: configuration that other programs obey is named in the receipt, and what git would run cannot be written',
    async run(stage) {
      const { folder } = stage
      stage.script({
        plant: [
          { tools: [shell("mkdir .vscode && echo '{}' > .vscode/tasks.json")] },
          { tools: [shell('echo true > .git/hooks/pre-commit')] },
          { text: 'One of two.' },
        ],
        after: [{ text: 'Nothing more.' }],
      })
      await using daemon = await stage.open()
      const { session, end, events } = await play(daemon.client, stage.session({ permissionMode: 'auto' }), 'plant')
      expect(end.type).toBe('task.completed')
      expect(end.payload.receipt.planted_configuration).toEqual([{ path: join(folder.workspace, '.vscode/tasks.json'), change: 'add' }])
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.confinement_denials)).toMatchObject([
        undefined,
        [{ kind: 'file', target: '.git/hooks/pre-commit' }],
      ])
      expect(await folder.read('.git/hooks/pre-commit')).toBeNull()
      const after = await play(daemon.client, session, 'after')
      expect(after.end.payload.receipt.planted_configuration ?? []).toEqual([])
    },
  },
]
