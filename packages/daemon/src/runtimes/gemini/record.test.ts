import { appendFile, mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { ConversationRecord } from './record.ts'

const tokens = { input: 7, output: 3, cached: 2, thoughts: 1, tool: 0, total: 11 }
const line = (value: unknown): string => `${JSON.stringify(value)}\n`

test('tells what was written since the last time, and each call of the model once', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'record-'))
  const file = path.join(directory.path, 'session.jsonl')
  const record = new ConversationRecord(directory.path, file)
  const nothing = { plans: new Map(), usages: [] }
  expect(await record.read()).toEqual(nothing)
  await writeFile(file, line({ sessionId: 's' }) + line({ id: 'a', type: 'gemini', tokens }))
  const usage = { input_tokens: 7, output_tokens: 4, cached_input_tokens: 2, reasoning_tokens: 1, cost_usd: null }
  expect(await record.read()).toEqual({ plans: new Map(), usages: [usage] })
  expect(await record.read()).toEqual(nothing)
  const todos = [
    { description: 'first', status: 'completed' },
    { description: 'second', status: 'blocked' },
  ]
  const again = line({ id: 'a', type: 'gemini', tokens, toolCalls: [{ id: 'c', name: 'write_todos', args: { todos } }] })
  await appendFile(file, again.slice(0, 20))
  expect(await record.read()).toEqual(nothing)
  await appendFile(file, again.slice(20))
  const entries = [
    { text: 'first', status: 'completed' },
    { text: 'second', status: 'pending' },
  ]
  expect(await record.read()).toEqual({ plans: new Map([['c', entries]]), usages: [] })
})

test('nothing is left out where it is asked for twice at once', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'record-'))
  const file = path.join(directory.path, 'session.jsonl')
  const record = new ConversationRecord(directory.path, file)
  await writeFile(file, line({ id: 'a', tokens }))
  const [first, second] = await Promise.all([record.read(), record.read()])
  expect([first.usages.length, second.usages.length]).toEqual([1, 0])
  await appendFile(file, line({ id: 'b', tokens }) + line({ id: 'c', tokens }))
  expect((await record.read()).usages).toHaveLength(2)
})

test('what cannot be understood tells nothing', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'record-'))
  const file = path.join(directory.path, 'session.jsonl')
  const odd = [
    '{"tokens"',
    line({ id: 'a', tokens: 'many' }),
    line({ id: 'b', tokens: { ...tokens, input: 0, output: 0 } }),
    line({ id: 'c', toolCalls: [{ id: 1, name: 'write_todos' }] }),
    line({ id: 'd', toolCalls: [{ id: 'x', name: 'write_todos', args: { todos: 'none' } }] }),
  ]
  await writeFile(file, odd.join('\n'))
  expect(await new ConversationRecord(directory.path, file).read()).toEqual({ plans: new Map(), usages: [] })
})

test('what leads out of the home of the agent is not read', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'record-'))
  const [home, outside] = [path.join(directory.path, 'home'), path.join(directory.path, 'outside')]
  await Promise.all([mkdir(home), mkdir(outside)])
  await writeFile(path.join(outside, 'session.jsonl'), line({ id: 'a', tokens }))
  await symlink(path.join(outside, 'session.jsonl'), path.join(home, 'session.jsonl'))
  await symlink(outside, path.join(home, 'chats'))
  for (const file of ['session.jsonl', 'chats/session.jsonl'])
    expect((await new ConversationRecord(home, path.join(home, file)).read()).usages).toEqual([])
})
