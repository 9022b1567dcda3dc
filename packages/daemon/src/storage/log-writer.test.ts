import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toFrame } from '../core/frame.ts'
import { toChange } from './change.ts'
import { EventRows } from './event-rows.ts'
import { LogWriter } from './log-writer.ts'
import { migrations } from './schema.ts'
import { SessionRows } from './session-rows.ts'
import { openDatabase } from './sqlite.ts'
import { TaskRows } from './task-rows.ts'
import { sampleAppend, sampleEvent, sampleTask, temporaryDirectory } from './testing/samples.ts'

function openTables(directory: string) {
  const database = openDatabase(join(directory, 'a.db'), { migrations, expected: false })
  const rows = { events: new EventRows(database), sessions: new SessionRows(database), tasks: new TaskRows(database) }
  const everything = () => ['session', 'event', 'task'].map((table) => database.prepare(`SELECT * FROM ${table}`).all())
  return { writer: new LogWriter(database, rows), everything, [Symbol.dispose]: () => database.close() }
}

const changes = [
  toChange(sampleAppend('s', 1, 3, { tasks: [sampleTask('s', 't', 'running')] })),
  toChange(sampleAppend('other', 1)),
  toChange(
    sampleAppend('s', 4, 4, {
      tasks: [sampleTask('s', 't', 'completed')],
      snapshot: { seq: 4, runtimeSessionId: 'native', transcript: [] },
    }),
  ),
]

test('a commit of unknown fate can be run again, alone or with what has come since', () => {
  using directory = temporaryDirectory()
  using tables = openTables(directory.path)
  const written = tables.writer.write(changes, { durability: 'synced', lastCursor: 0 })
  const before = tables.everything()
  expect(tables.writer.write(changes, { durability: 'synced', lastCursor: 0 })).toEqual(written)
  expect(tables.everything()).toEqual(before)
  const more = tables.writer.write([...changes, toChange(sampleAppend('s', 5))], { durability: 'lazy', lastCursor: 0 })
  expect(more.slice(0, 3)).toEqual(written)
  const { seq, type, json } = sampleEvent('s', 5)
  const frames = Buffer.from(toFrame(seq, json))
  expect(more[3]?.stretches).toEqual([{ sessionId: 's', cursor: 6, seq, count: 1, types: type, frames }])
})

test('another event under a number that is taken is refused, with all that was to be committed beside it', () => {
  using directory = temporaryDirectory()
  using tables = openTables(directory.path)
  tables.writer.write(changes, { durability: 'lazy', lastCursor: 0 })
  const before = tables.everything()
  const contradiction = { ...toChange(sampleAppend('s', 4)), events: [sampleEvent('s', 4, 'something else')] }
  expect(() => tables.writer.write([toChange(sampleAppend('new', 1)), contradiction], { durability: 'lazy', lastCursor: 5 })).toThrow(
    'is taken by another event',
  )
  expect(tables.everything()).toEqual(before)
})
