import { randomBytes } from 'node:crypto'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Event, EventOf } from '@codesdkd/protocol'
import type { TestClient } from '../harness/client.ts'
import { createBench } from '../harness/daemon.ts'
import { toCanary, toTreasures, type TreasureName } from './loot.ts'
import type { Target } from './target.ts'

const request = {
  jsonrpc: '2.0',
  id: 'ask',
  method: 'session/request_permission',
  params: {
    sessionId: 's',
    toolCall: { toolCallId: 'c', title: 'touch approved.txt', kind: 'execute', rawInput: { command: 'touch approved.txt' } },
    options: [
      { optionId: 'y', name: 'Once', kind: 'allow_once' },
      { optionId: 'n', name: 'No', kind: 'reject_once' },
    ],
  },
}

/** An agent that asks for leave and waits; whatever it hears then, it leaves a file. */
const program = `
read line; printf '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}\\n'
read line; printf '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}\\n'
read line; printf '%s\\n' '${JSON.stringify(request)}'
read line; touch approved.txt; exec cat > /dev/null
`

/** A daemon in mode `ask` with a call that waits for a person. `{token-file}` in the arguments is a file with a token. */
export async function openDaemonTarget(name: string, args: readonly string[]): Promise<Target> {
  await using stack = new AsyncDisposableStack()
  const files = stack.use(await mkdtempDisposable(join(tmpdir(), 'browser-target-')))
  const token = randomBytes(24).toString('base64url')
  await writeFile(join(files.path, 'token'), token, { mode: 0o600 })
  await writeFile(join(files.path, 'agent'), program)
  const more = args.map((one) => one.replace('{token-file}', join(files.path, 'token')))
  const agent = `waiter=/bin/sh ${join(files.path, 'agent')}`
  const { client, folder } = stack.use(await createBench({ args: ['--metrics', '--sandbox', 'off', '--agent', agent, ...more] }))
  const headers = more.includes('--token-file') ? { authorization: `Bearer ${token}` } : {}
  const ask = client.request.bind(client)
  client.request = (method, path, body, own) => ask(method, path, body, { ...headers, ...own })

  const body = { runtime: 'waiter', cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test', title: toCanary(name) }
  const { session_id: id } = await client.createSession(body)
  await client.startTask(id, 'go')
  const call = await waitingCall(client, id, headers)
  const stored = await store(client, id, name)
  const refusals = async () => {
    const { text } = await client.get('/metrics')
    return [...text.matchAll(/^codesdk_denied_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const parts = stack.move()
  return {
    prize: {
      name,
      url: client.url,
      patienceMs: 200,
      approval: { attempt: call.payload.attempt, input_hash: call.payload.input_hash },
      paths: {
        ...stored,
        json: '/sessions',
        stream: `/sessions/${id}/events`,
        approve: `/sessions/${id}/tool-calls/${call.payload.tool_call_id}/approve`,
        session: `/sessions/${id}`,
        missing: '/sessions/00000000-0000-4000-8000-000000000000',
        missingFile: `/artifacts/${'0'.repeat(32)}`,
      },
    },
    async arrival(_mark, refused, signal) {
      // What a daemon refuses leaves no other trace than its counter, and that can only be asked for.
      while ((await refusals()) <= refused) await setTimeout(20, undefined, { signal })
    },
    refusals,
    async state() {
      const answers = await Promise.all(['/sessions?limit=500', '/approvals', `/sessions/${id}/tasks`].map((path) => client.get(path)))
      return JSON.stringify([...answers.map((answer) => answer.text), await folder.read('approved.txt')])
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function waitingCall(client: TestClient, id: string, headers: Readonly<Record<string, string>>) {
  let call: EventOf<'tool.call.requested'> | null = null
  for await (const frame of client.frames(`/sessions/${id}/events?stream=1`, { headers })) {
    if (frame.event !== undefined) continue
    const event = JSON.parse(frame.data) as Event
    if (event.type === 'tool.call.requested') call = event
    if (event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask' && call !== null) return call
  }
  throw new Error('the agent asked for nothing')
}

/** Puts the treasures into the session, as a host would its attachments. */
async function store(client: TestClient, sessionId: string, target: string): Promise<Record<TreasureName, string>> {
  const entries = Object.entries(toTreasures(target)).map(async ([name, { type, bytes }]) => {
    const body = { session_id: sessionId, content_type: type, data: Buffer.from(bytes).toString('base64') }
    const answer = await client.post('/artifacts', body)
    if (answer.status !== 201) throw new Error(`POST /artifacts: ${answer.status} ${answer.text}`)
    return [name, `/artifacts/${answer.body.artifact_id}`] as const
  })
  return Object.fromEntries(await Promise.all(entries)) as Record<TreasureName, string>
}
