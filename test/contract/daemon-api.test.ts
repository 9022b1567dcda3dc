// oxlint-disable vitest/expect-expect -- what is expected stands with each entry of the tables
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readStatements } from './document.ts'
import { daemonProofs } from './proofs/daemon.ts'
import { downloadProofs } from './proofs/downloads.ts'
import { eventProofs } from './proofs/events.ts'
import { sessionProofs } from './proofs/sessions.ts'
import { taskProofs } from './proofs/tasks.ts'
import { openWorld, type Proofs, type World } from './world.ts'

/** daemon-api.md, sentence by sentence: each is proved over HTTP against the daemon as it is started, with the real Codex where a task is needed. */
const proofs: Proofs = { ...daemonProofs, ...sessionProofs, ...eventProofs, ...taskProofs, ...downloadProofs }
const statements = readStatements()

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

test('there is a proof for every statement, and none for what is not stated', () => {
  const stated = statements.map(({ heading, text }) => `${heading}: ${text}`)
  const proved = Object.entries(proofs).flatMap(([heading, entries]) => Object.keys(entries).map((text) => `${heading}: ${text}`))
  expect(stated.length).toBeGreaterThan(40)
  expect(proved.toSorted()).toEqual(stated.toSorted())
})

describe.each([...Map.groupBy(statements, ({ heading }) => heading)])('%s', (heading, entries) => {
  test.each(entries)('$text', async ({ text }) => {
    const proof = proofs[heading]?.[text]
    if (proof === undefined) throw new Error('nobody has proved this')
    await proof(world)
  })
})
