import type { EventOf } from '@codesdkd/protocol'
import { createStage, type DaemonProcess } from '../harness/daemon.ts'
import type { TestClient } from '../harness/client.ts'
import { checkEveryAnswer } from './declared.ts'

type Stage = Awaited<ReturnType<typeof createStage>>
type Terminal = EventOf<'task.completed' | 'task.failed' | 'task.stopped'>

/** Where the proofs happen: the daemon as its users start it, the real Codex, and the offline model. */
export interface World extends AsyncDisposable {
  readonly stage: Stage
  readonly daemon: DaemonProcess
  readonly client: TestClient
  /** Every JSON value that the daemon sent, for what holds of all of them. */
  readonly received: unknown[]
  /** One task that ran a command whose output went to an artifact; run once, when first asked for. */
  readonly bigRun: () => Promise<Run>
}

export interface Run {
  readonly sessionId: string
  readonly taskId: string
  readonly end: Terminal
  readonly artifactId: string
}

/** A proof that a statement of daemon-api.md holds; it rejects when it does not. */
export type Proof = (world: World) => Promise<void>
/** heading -> statement -> proof */
export type Proofs = Readonly<Record<string, Readonly<Record<string, Proof>>>>

export const planted = 'planted-value-Xq7Lr2'
const command = 'seq 1 5000'

const scenarios = [
  { name: 'hello', prompt: 'say hello', legs: [{ text: 'Hello from the offline model.' }] },
  { name: 'long', prompt: 'talk long', legs: [{ text_repeat: { text: 'word ', times: 1_200 }, chunk_size: 5 }] },
  {
    name: 'write',
    prompt: 'write a file',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'echo ran >> ran.txt' }] }, { text: 'That is all.' }],
  },
  {
    name: 'where',
    prompt: 'where am I',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'pwd > where.txt; printenv GREETING >> where.txt' }] }, { text: 'There.' }],
  },
  { name: 'count', prompt: 'count', legs: [{ tools: [{ tool: 'shell' as const, command }] }, { text: 'Counted.' }] },
  { name: 'hang', prompt: 'hang', legs: [{ fault: { kind: 'hang' as const } }] },
]

export async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const stage = stack.use(await createStage(scenarios))
  const daemon = stack.use(await stage.start(['--metrics', '--workspace-root', stage.folder.workspace]))
  const { client } = daemon
  await checkEveryAnswer(client)
  let bigRun: Promise<Run> | null = null
  const parts = stack.move()
  return {
    stage,
    daemon,
    client,
    received: recordJson(client),
    bigRun: () => (bigRun ??= runBig(stage, client)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Keeps what the client is answered from here on. */
function recordJson(client: TestClient): unknown[] {
  const received: unknown[] = []
  const request = client.request.bind(client)
  client.request = async (...args) => {
    const answer = await request(...args)
    if (answer.body !== undefined) received.push(answer.body)
    return answer
  }
  return received
}

async function runBig(stage: Stage, client: TestClient): Promise<Run> {
  const session = await client.createSession(stage.session({ permissionMode: 'yolo', env: { PLANTED: planted } }))
  const started = await client.startTask(session.session_id, 'please count')
  const end = await client.finish(started)
  const output = await client.event(session.session_id, 'tool.call.completed')
  if (output.payload.result_ref === undefined) throw new Error('the output is not in an artifact')
  return { sessionId: session.session_id, taskId: started.task_id, end, artifactId: output.payload.result_ref }
}

/** Nothing but the documented members of an example, in its order, stands first in a body. */
export function beginsLike(body: object, example: string): boolean {
  const members: object = JSON.parse(example)
  const documented = Object.keys(members)
  const given = Object.keys(body)
  return documented.every((name, index) => given[index] === name)
}
