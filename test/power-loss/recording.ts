import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { TestClient } from '../harness/client.ts'
import { executable } from '../harness/daemon.ts'
import type { TestFolder } from '../harness/workspace.ts'
import { openAgents, type Agents } from '../model/agents.ts'
import { readTrace, tracer, type Op } from './trace.ts'

export interface Recording {
  /** The directory above the data directory: whether that has a name is part of the question. */
  readonly root: string
  readonly ops: readonly Op[]
}

/** A real daemon under load, as its disk and its clients saw it: one life that is killed, and one that ends well. */
export async function record(folder: TestFolder, rounds: number): Promise<Recording> {
  const root = join(folder.path, 'disk')
  mkdirSync(root)
  await using agents = await openAgents(join(folder.path, 'agents.sock'))
  const ops: Op[] = []
  for (const [life, signal] of (['SIGKILL', 'SIGTERM'] as const).entries()) {
    const trace = join(folder.path, `trace-${life}`)
    await live({ root, trace, folder, agents, name: `life-${life}`, signal, rounds })
    ops.push(...(await readTrace(trace, root)))
  }
  return { root, ops }
}

interface Life {
  readonly root: string
  readonly trace: string
  readonly folder: TestFolder
  readonly agents: Agents
  readonly name: string
  readonly signal: NodeJS.Signals
  readonly rounds: number
}

async function live({ root, trace, folder, agents, name, signal, rounds }: Life): Promise<void> {
  const args = ['--data-dir', join(root, 'state'), '--sandbox', 'off', '--log-level', 'silent', ...agents.args]
  const [command = '', ...rest] = [...tracer(trace), process.execPath, executable, ...args]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent' } })
  const exited = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const client = new TestClient((JSON.parse(line) as { url: string }).url)
  const { pid } = JSON.parse(readFileSync(join(root, 'state', 'lock.json'), 'utf8')) as { pid: number }
  const watching = watch(client)
  await Promise.all(['a', 'b', 'c'].map((one) => work({ client, agents, folder, name: `${name}-${one}`, rounds })))
  process.kill(pid, signal)
  await Promise.all([exited, watching])
}

/** A client that sees everything; what it was sent is in the trace. */
async function watch(client: TestClient): Promise<void> {
  try {
    for await (const _ of client.frames('/events'));
  } catch {
    // The daemon was killed.
  }
}

interface Work {
  readonly client: TestClient
  readonly agents: Agents
  readonly folder: TestFolder
  readonly name: string
  readonly rounds: number
}

/** A session in which everything happens that a promise is about; the last task is left open. */
async function work({ client, agents, folder, name, rounds }: Work): Promise<void> {
  const body = { runtime: 'led', cwd: folder.workspace, permissionMode: 'ask', credentialNamespace: 'test', env: { PLACE: 'here' } }
  const { session_id } = await client.createSession(body)
  for (let round = 0; round < rounds; round += 1) {
    const task = `${name}-${round}`
    const started = await client.startTask(session_id, task)
    const turn = await agents.turn(task)
    for (let word = 0; word < 12; word += 1) turn.say(`word ${word} of ${task} `)
    turn.askLeave(task, `make ${task}`)
    const call = await client.event(session_id, 'tool.call.requested', ({ payload }) => payload.runtime_tool_call_id === task)
    await client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.tool_call_id === call.payload.tool_call_id)
    if (round % 3 === 2) await client.deny(call, 'not this')
    else await client.approve(call)
    if ((await agents.leave(task)) === 'allowed') turn.finishCall(task, `${task} ${'made it '.repeat(2_000)}`)
    if (round === rounds - 1) return
    turn.end()
    await client.finish(started, () => 'leave')
  }
}
