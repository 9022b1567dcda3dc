import { expect, test } from 'vitest'
import { createBench } from '../harness/daemon.ts'

test('ask approved', async () => {
  await using bench = await createBench({ scenarios: [{ name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell', command: 'touch made.txt' }] }, { text: 'done' }] }] })
  const { client, folder } = bench
  const session = await client.createSession(bench.session())
  const task = await client.startTask(session.session_id, 'please touch')
  const end = await client.finish(task)
  expect(end.type).toBe('task.completed')
  expect(await folder.read('made.txt')).toBe('')
  console.log((await client.events(session.session_id)).map((e) => `${e.seq} ${e.type} ${JSON.stringify(e.payload).slice(0, 200)}`).join('\n'))
})
