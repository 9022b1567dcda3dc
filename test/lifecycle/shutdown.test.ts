import { expect, test } from 'vitest'
import { startOfflineModel, type OfflineModelOptions } from '@codesdkd/offline-model'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { TestClient } from '../harness/client.ts'
import { createFolder } from '../harness/workspace.ts'

const credential = 'the-key-in-the-environment-of-the-daemon'

async function createWorld(scenarios: OfflineModelOptions['scenarios']) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const model = stack.use(await startOfflineModel({ scenarios }))
  const invocation = readInvocation(['--data-dir', folder.dataDir, '--log-level', 'silent'], { HOME: folder.path })
  if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
  const environment = { PATH: process.env['PATH'], HOME: folder.path, OPENAI_API_KEY: credential }
  const daemon = stack.use(await createDaemon(invocation.config, { environment }))
  const client = new TestClient(daemon.url)
  const session = await client.createSession({
    cwd: folder.workspace,
    model: 'gpt-5.5',
    isolationLevel: 'shared',
    runtimeConfig: { base_url: `${model.url}/v1`, max_retries: 0 },
  })
  const parts = stack.move()
  return { daemon, client, session, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

test('who ends a daemon that is ending waits for the same end', async () => {
  await using world = await createWorld([{ name: 'never', prompt: 'wait', legs: [{ fault: { kind: 'hang' } }] }])
  const { client, session, daemon } = world
  await client.startTask(session.session_id, 'wait')
  await client.event(session.session_id, 'model.input')
  const first = daemon[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
  await expect(client.get('/livez')).rejects.toThrow()
  await first
})

test('a key that an agent gets from the environment of the daemon is in no event', async () => {
  await using world = await createWorld([{ name: 'tell', prompt: 'tell', legs: [{ text: `the key is ${credential}` }] }])
  const { client, session } = world
  const { session_id } = session
  expect((await client.finish(await client.startTask(session_id, 'tell'))).type).toBe('task.completed')
  const events = JSON.stringify(await client.events(session_id))
  expect(events).toContain('the key is')
  expect(events).not.toContain(credential)
})
