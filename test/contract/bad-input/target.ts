import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { EventOf } from '@codesdkd/protocol'
import { sendRaw, type RawAnswer } from '../../../packages/daemon/src/http/testing/raw.ts'
import { createStage, spawnDaemon, type DaemonProcess } from '../../harness/daemon.ts'
import type { TestClient } from '../../harness/client.ts'
import { checkEveryAnswer } from '../declared.ts'
import { agentScenario } from './agents.ts'

/** The token of the guarded daemon, and a value that no row may make appear anywhere. */
export const token = 'tok-5f2a9c71d0b84e63'
export const canary = 'canary-9b1d7e42'

type Stage = Awaited<ReturnType<typeof createStage>>

/** What the rows are thrown at: a daemon as it is started, one in token mode, and one with narrow limits. */
export interface Target extends AsyncDisposable {
  readonly stage: Stage
  readonly open: DaemonProcess
  readonly guarded: DaemonProcess
  readonly strict: DaemonProcess
  /** A new task in mode `ask` whose one call waits for a decision. */
  readonly waiting: () => Promise<Waiting>
  /** Holds after every row, whatever was sent. */
  readonly assertUnharmed: () => Promise<void>
}

export interface Waiting {
  readonly client: TestClient
  readonly sessionId: string
  readonly taskId: string
  readonly call: EventOf<'tool.call.requested'>
  /** How often the command has run, over all tasks. */
  readonly ran: () => Promise<number>
}

/** One bad input. The ids are those of the list that the project was given; they are not contiguous. */
export interface Row {
  readonly id: string
  readonly name: string
  check(target: Target): Promise<void>
}

const databaseQuestion = {
  id: 'db',
  header: 'Database',
  question: 'Which database?',
  options: [
    { label: 'SQLite', description: 'One file.' },
    { label: 'Postgres', description: 'A server.' },
  ],
}

const scenarios = [
  agentScenario,
  {
    name: 'write',
    prompt: 'write a file',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'echo ran >> ran.txt' }] }, { text: 'That is all.' }],
  },
  {
    name: 'look',
    prompt: 'look around',
    legs: [
      {
        tools: [
          {
            tool: 'shell' as const,
            command:
              "env; tr '\\0' '\\n' < /proc/self/environ; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; find \"$HOME\" . -type f -size -100k 2>/dev/null | head -200 | xargs -d '\\n' cat 2>/dev/null",
          },
        ],
      },
      { text: 'Seen.' },
    ],
  },
  {
    name: 'question',
    prompt: 'ask me something',
    legs: [
      { tools: [{ tool: 'native' as const, name: 'request_user_input', input: { questions: [databaseQuestion] } }] },
      { text: 'So be it.' },
    ],
  },
  { name: 'hang', prompt: 'hang', legs: [{ fault: { kind: 'hang' as const } }] },
]
const fallback = { legs: [{ text: 'Yes.' }] }

export async function openTarget(): Promise<Target> {
  await using stack = new AsyncDisposableStack()
  const stage = stack.use(await createStage(scenarios))
  stage.model.setScenarios({ scenarios, fallback })
  const { workspace, path } = stage.folder
  const scripted = `${process.execPath} ${join(import.meta.dirname, '../../fixtures/acp/stand-in.ts')}`
  const open = stack.use(await stage.start(['--workspace-root', workspace, '--metrics', '--agent', `scripted=${scripted}`]))
  const guarded = stack.use(
    await spawnDaemon(['--data-dir', join(path, 'guarded'), '--allow-host', 'hub.example', '--allow-origin', 'https://hub.example'], {
      CODESDKD_TOKEN: token,
    }),
  )
  const strict = stack.use(
    await spawnDaemon([
      '--data-dir',
      join(path, 'strict'),
      '--no-shared',
      '--sandbox',
      'off',
      '--max-permission-mode',
      'ask',
      '--default-permission-mode',
      'ask',
      '--max-sse-clients',
      '1',
      '--max-queued-tasks',
      '1',
    ]),
  )
  await Promise.all([
    checkEveryAnswer(open.client),
    checkEveryAnswer(strict.client),
    checkEveryAnswer(guarded.client, { authorization: `Bearer ${token}` }),
  ])
  const pids = [open, guarded, strict].map(({ child }) => child.pid)
  const outside = readdirSync(path)
  const logs = [open, guarded, strict].map(newLog)
  const parts = stack.move()
  return {
    stage,
    open,
    guarded,
    strict,
    waiting: () => waitingCall(stage, open.client),
    assertUnharmed: async () => {
      expect([open, guarded, strict].map(({ child }) => (child.exitCode === null && child.signalCode === null ? child.pid : null))).toEqual(
        pids,
      )
      expect((await open.client.get('/health')).status).toBe(200)
      expect(await send(guarded, get('/health'))).toMatchObject({ status: 200 })
      // Beside the data directories nothing is made; what is in the workspace belongs to the agents.
      expect(readdirSync(path)).toEqual(outside)
      for (const log of logs) expect(log()).not.toMatch(new RegExp(`${canary}|${token}|"level":"(?:error|fatal)"|"stack"`))
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** What a daemon has logged since the last time it was looked at. */
function newLog(daemon: DaemonProcess): () => string {
  let seen = 0
  return () => {
    const log = daemon.stderr().slice(seen)
    seen += log.length
    return log
  }
}

async function waitingCall(stage: Stage, client: TestClient): Promise<Waiting> {
  const { session_id } = await client.createSession(stage.session({ permissionMode: 'ask' }))
  const { task_id } = await client.startTask(session_id, 'write a file')
  const call = await client.event(session_id, 'tool.call.requested')
  await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  return {
    client,
    sessionId: session_id,
    taskId: task_id,
    call,
    ran: async () => ((await stage.folder.read('ran.txt')) ?? '').split('\n').length - 1,
  }
}

type HeaderList = readonly (readonly [string, string])[]

/** A request as bytes. `Host` and the guarded daemon's token are added unless the headers name them. */
export function raw(method: string, path: string, headers: HeaderList = [], body = ''): string {
  const named = new Set(headers.map(([name]) => name.toLowerCase()))
  const lines = [
    ...(named.has('host') ? [] : ['Host: {host}']),
    ...(named.has('authorization') ? [] : [`Authorization: Bearer ${token}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(method === 'POST' && !named.has('content-length') && !named.has('transfer-encoding')
      ? [`Content-Length: ${Buffer.byteLength(body)}`]
      : []),
  ]
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

export const get = (path: string, headers: HeaderList = []): string => raw('GET', path, headers)
export const post = (path: string, body: string, headers: HeaderList = []): string => raw('POST', path, headers, body)

/** Row B158 is checked here: whatever is answered, it keeps browsers out. */
export async function send(daemon: DaemonProcess, request: string | Uint8Array): Promise<RawAnswer | null> {
  const answer = await sendRaw(daemon.client.url, request)
  if (answer !== null) expect(answer.headers).toMatchObject(guarding)
  return answer
}

const guarding = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
  'cache-control': expect.stringMatching(/^no-store/),
  'referrer-policy': 'no-referrer',
  'x-request-id': expect.stringMatching(/^\S+$/),
}

/** A row that is one request and one answer. `status` null: the connection is closed without a word, or with 400. */
export function answers(
  id: string,
  name: string,
  request: string | Uint8Array,
  status: number | readonly number[],
  error?: string,
  daemon: 'open' | 'guarded' | 'strict' = 'guarded',
): Row {
  return {
    id,
    name,
    async check(target) {
      const answer = await send(target[daemon], request)
      expect([status].flat()).toContain(answer?.status)
      if (error !== undefined && request.slice(0, 4) !== 'HEAD') expectProblem(answer, error)
    },
  }
}

/** Every failure has one shape, says no more than it should, and keeps browsers out. */
export function expectProblem(answer: RawAnswer | null, error: string): void {
  const body: Record<string, unknown> = JSON.parse(answer?.body ?? '')
  expect(body).toMatchObject({
    error,
    type: `urn:codesdkd:error:${error}`,
    status: answer?.status,
    request_id: answer?.headers['x-request-id'],
  })
  expect(answer?.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' })
  expect(answer?.body).not.toMatch(/node:internal|\.ts:\d+|at .*\(/)
  expect(JSON.stringify(body['detail']).length).toBeLessThan(400)
}
