import type { Session } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { only } from '../events.ts'
import { turns } from '../heard.ts'
import { expectLawful } from '../law.ts'
import { play } from '../round.ts'
import type { Stage } from '../stage.ts'
import type { Subject } from '../subject.ts'
import { claude } from '../subjects/claude.ts'
import { codex } from '../subjects/codex.ts'

const script = {
  first: [{ text: 'The word is quetzal.' }],
  second: [{ text: 'The other word is axolotl.' }],
  left: [{ text: 'I go left.' }],
}

/** Which of the words that only a model has said stood in what the last call of the model was told. */
function told({ model }: Stage): readonly string[] {
  const body = JSON.stringify(turns(model).at(-1)?.body)
  return ['quetzal', 'axolotl', 'I go left'].filter((word) => body.includes(word))
}

async function handOff(stage: Stage, client: TestClient, { session_id }: Session, { session }: Subject): Promise<void> {
  const { runtime, model, runtimeConfig, env = {} } = session({ cwd: stage.folder.workspace, endpoint: stage.model.url })
  const answer = await client.post(`/sessions/${session_id}/handoff`, { runtime, model, runtimeConfig, env })
  expect(answer, answer.text).toMatchObject({ status: 200, body: { session: { runtime, runtime_session_id: null } } })
}

export const successions: readonly Cell[] = [
  {
    name: 'a session is handed off to another agent and back: each is told what was said, and none takes its own past up again',
    async run(stage) {
      stage.script(script)
      const other = stage.subject.runtime === claude.runtime ? codex : claude
      await using daemon = await stage.open()
      const { client } = daemon
      const first = await play(client, stage.session(), 'first')
      const { session } = first
      await handOff(stage, client, session, other)
      const begun = await play(client, session, 'go on')
      expect(told(stage)).toEqual(['quetzal'])
      expect(begun.end).toMatchObject({ type: 'task.completed', runtime: { name: other.runtime } })
      await play(client, session, 'second')
      await handOff(stage, client, session, stage.subject)
      const back = await play(client, session, 'go on')
      expect(told(stage)).toEqual(['quetzal', 'axolotl'])
      expect(back.end).toMatchObject({ type: 'task.completed', runtime: { name: stage.subject.runtime } })
      for (const { events } of [begun, back])
        expect(only(events, 'session.context_restored').payload).toMatchObject({ source: 'transcript', messages_omitted: 0 })
      expect(back.end.runtime.runtime_session_id).not.toBe(first.end.runtime.runtime_session_id)
    },
  },
  {
    name: 'a fork is told what was said before it, and the two go different ways',
    async run(stage) {
      stage.script(script)
      await using daemon = await stage.open()
      const { client } = daemon
      const { session, end } = await play(client, stage.session(), 'first')
      const { status, body, text } = await client.post(`/sessions/${session.session_id}/fork`)
      expect([status, body.forked_from], text).toEqual([201, { session_id: session.session_id, after_seq: end.seq }])
      await play(client, session, 'left')
      expect(told(stage)).toEqual(['quetzal'])
      const fork = await play(client, body as Session, 'go on')
      expect(told(stage)).toEqual(['quetzal'])
      expect(only(fork.events, 'session.context_restored').payload).toMatchObject({ source: 'transcript', messages_carried: 2 })
      expect(fork.end.runtime.runtime_session_id).not.toBe(end.runtime.runtime_session_id)
      expectLawful(await client.events(fork.session.session_id))
    },
  },
]
