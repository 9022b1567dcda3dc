import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { toHistory, type TranscriptPage } from '@codesdkd/protocol'
import { createBench, type TestBench } from '../harness/daemon.ts'

const scenarios = [
  { name: 'look', prompt: 'look', legs: [{ tools: [{ tool: 'shell' as const, command: 'ls' }] }, { text: 'One file.' }] },
  { name: 'next', prompt: 'next', legs: [{ text: 'Done.' }] },
]

let bench: TestBench
beforeAll(async () => {
  bench = await createBench({ scenarios })
})
afterAll(() => bench[Symbol.asyncDispose]())

const next = { role: 'user', content: 'next' }

test('a transcript that comes back with a new message is not told again, and a new session is told all of it', async () => {
  const { client } = bench
  const { session_id } = await client.createSession(bench.session())
  await client.finish(await client.startTask(session_id, 'look'))
  const transcript: TranscriptPage = (await client.get(`/sessions/${session_id}/transcript`)).body
  const messages = [...toHistory(transcript), next]
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user'])
  const again = await client.startTask(session_id, 'next', { messages })
  const started = await client.event(session_id, 'task.started', ({ trace }) => trace.task_id === again.task_id)
  expect(started.payload.messages).toEqual([next])
  await client.finish(again)

  const other = await client.createSession(bench.session())
  await client.finish(await client.startTask(other.session_id, 'next', { messages }))
  const restored = await client.event(other.session_id, 'session.context_restored')
  expect(restored.payload).toMatchObject({ source: 'transcript', messages_carried: 4, messages_omitted: 0, messages_cut: 0 })
})

test('what is handed over names the files of the workspace that the agent reads by itself', async () => {
  const { client, folder } = bench
  await writeFile(join(folder.workspace, 'AGENTS.md'), 'Be brief.')
  const sourcesOf = async (trustWorkspace: boolean) => {
    const { session_id } = await client.createSession(bench.session({ trustWorkspace }))
    await client.finish(await client.startTask(session_id, 'next'))
    const { payload } = await client.event(session_id, 'model.input')
    return (await client.get(`/artifacts/${payload.implicit_sources_ref ?? ''}`)).body
  }
  const source = { name: 'AGENTS.md', size: 9, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
  expect(await sourcesOf(false)).toEqual({ sources: [{ ...source, obeyed: false }] })
  expect(await sourcesOf(true)).toEqual({ sources: [{ ...source, obeyed: true }] })
})
