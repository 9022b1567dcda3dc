import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { only, said } from '../events.ts'
import { turns } from '../heard.ts'
import { play } from '../round.ts'
import { shell, type Script } from '../script.ts'

export const isolation: readonly Cell[] = [
  {
    name: 'twenty sessions at once: every event is in its own log, every effect in its own workspace',
    limitMs: 240_000,
    async run(stage) {
      const numbers = Array.from({ length: 20 }, (_, index) => index)
      const command = (n: number) => `pwd > session-${n}.txt`
      stage.script(
        Object.fromEntries(
          numbers.map((n) => [`session-${n}`, [{ tools: [shell(command(n))] }, { text: `This was session ${n}.` }]]),
        ) satisfies Script,
      )
      await using daemon = await stage.open()
      const rounds = await Promise.all(
        numbers.map(async (n) => {
          const cwd = join(stage.folder.path, `workspace-${n}`)
          await mkdir(cwd)
          return { cwd, ...(await play(daemon.client, stage.session({ cwd, permissionMode: 'auto' }), `session-${n}`)) }
        }),
      )
      for (const [n, { cwd, session, end, events }] of rounds.entries()) {
        expect(end.type).toBe('task.completed')
        expect(new Set(events.map(({ trace }) => trace.session_id))).toEqual(new Set([session.session_id]))
        expect(said(events)).toEqual([`This was session ${n}.`])
        expect(only(events, 'tool.call.requested').payload.input).toMatchObject(stage.subject.tools.shellInput(command(n), cwd))
        expect(await readdir(cwd)).toEqual([`session-${n}.txt`])
        expect(await readFile(join(cwd, `session-${n}.txt`), 'utf8')).toBe(`${cwd}\n`)
      }
      expect(new Set(rounds.map(({ end }) => end.runtime.runtime_session_id)).size).toBe(20)
    },
  },
  {
    name: 'two credential namespaces at once share nothing: neither home nor key nor memory',
    async run(stage) {
      const { model, subject, folder } = stage
      const people = ['alice', 'bob'] as const
      stage.script({
        alice: [{ tools: [shell('echo "$HOME" > alice.txt')] }, { text: 'I am the one of alice.' }],
        bob: [{ tools: [shell('echo "$HOME" > bob.txt')] }, { text: 'I am the one of bob.' }],
      })
      await using daemon = await stage.open()
      const rounds = await Promise.all(
        people.map((who) =>
          play(
            daemon.client,
            stage.session({
              credentialNamespace: who,
              permissionMode: 'auto',
              env: { MODEL_KEY: `the-key-of-${who}` },
              runtimeConfig: subject.providerKey('MODEL_KEY'),
            }),
            who,
          ),
        ),
      )
      expect(rounds.map(({ end }) => end.type)).toEqual(['task.completed', 'task.completed'])
      for (const who of people) {
        const requests = turns(model).filter((entry) => model.journal.carries(entry, `the-key-of-${who}`))
        expect(requests.map(({ scenario }) => scenario)).toEqual([who, who])
      }
      const homes = await Promise.all(people.map(async (who) => (await folder.read(`${who}.txt`))?.trim() ?? ''))
      expect(new Set(homes).size).toBe(2)
      const namespaces = await readdir(join(folder.dataDir, 'namespaces'))
      expect(namespaces.length).toBe(2)
      const texts = await Promise.all(namespaces.map((name) => readTree(join(folder.dataDir, 'namespaces', name))))
      // Each has a memory of its own conversation and none of the other's.
      expect(texts.map((text) => people.filter((who) => text.includes(`I am the one of ${who}.`)).join()).toSorted()).toEqual([
        'alice',
        'bob',
      ])
      for (const path of [...homes, ...namespaces.map((name) => join(folder.dataDir, 'namespaces', name))])
        expect((await stat(path)).mode & 0o777).toBe(0o700)
    },
  },
  {
    name: 'a session runs as isolated as the runtime says it can, and not otherwise',
    proves: { supported_isolation_modes: ['subprocess'], recommended_isolation_mode: 'subprocess' },
    async run(stage) {
      await using daemon = await stage.open()
      const { client } = daemon
      const modes = ['in_process', 'subprocess', 'server_side']
      const answers = await Promise.all(modes.map((isolationMode) => client.post('/sessions', stage.session({ isolationMode }))))
      expect(answers.map(({ status, body }) => body.error ?? status)).toEqual([
        'unsupported_isolation_mode',
        201,
        'unsupported_isolation_mode',
      ])
      const session = await client.createSession(stage.session())
      const { isolation_mode } = only(await client.events(session.session_id), 'session.created').payload
      expect(isolation_mode).toBe('subprocess')
      stage.script({ hello: [{ text: 'Hello.' }] })
      await play(client, session, 'hello')
      expect((await stage.agents()).length).toBe(1)
    },
  },
]

/** All text below a directory, whose owner may be at work there. */
async function readTree(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  // Some may be gone.
  const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1').catch(() => '')))
  return texts.join('\n')
}
