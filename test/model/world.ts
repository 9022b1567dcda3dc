import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { Answer, TestClient } from '../harness/client.ts'
import { spawnDaemon, type DaemonProcess } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { openAgents, PATIENCE_MS, type Agents } from './agents.ts'
import { addFact, toFact, type Names } from './facts.ts'
import type { ModelSession } from './model.ts'

/** The real thing: a daemon in a process of its own, on a data directory that outlives it, with agents that do what the test says. */
export class World implements AsyncDisposable {
  readonly agents: Agents
  readonly folder: TestFolder
  #daemon: DaemonProcess
  /** Of the run that goes on: no run meets the sessions of another. */
  #namespace = ''
  #prefix = ''
  readonly #ids = new Map<string, string>()
  readonly #names = new Map<string, string>()
  readonly #hashes = new Map<string, string>()
  /** Every event that was ever seen, as it came, by session. */
  readonly #seen = new Map<string, string[]>()
  readonly #facts = new Map<string, string[]>()

  private constructor(folder: TestFolder, agents: Agents, daemon: DaemonProcess) {
    this.folder = folder
    this.agents = agents
    this.#daemon = daemon
  }

  static async open(): Promise<World> {
    const folder = await createFolder()
    mkdirSync(folder.dataDir, { recursive: true, mode: 0o700 })
    const agents = await openAgents(join(folder.path, 'agents.sock'))
    return new World(folder, agents, await start(folder, agents))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]()
    await this.agents[Symbol.asyncDispose]()
    await this.folder[Symbol.asyncDispose]()
  }

  /** Forgets everything: what comes next is another run on the same data directory. */
  begin(run: number): void {
    this.#namespace = `run-${run}`
    this.#prefix = `r${run}-`
    for (const map of [this.#ids, this.#names, this.#hashes, this.#seen, this.#facts]) map.clear()
  }

  get client(): TestClient {
    return this.#daemon.client
  }

  get namespace(): string {
    return this.#namespace
  }

  /** What an agent and the daemon are told; a name alone would come again in another run. */
  full(name: string): string {
    return this.#prefix + name
  }

  /** Binds a name of the model to an id of the daemon. */
  bind(name: string, id: string): void {
    this.#ids.set(name, id)
    this.#names.set(id, name)
  }

  id(name: string): string {
    const id = this.#ids.get(name)
    if (id === undefined) throw new Error(`nothing is called ${name}`)
    return id
  }

  name(id: string): string {
    return this.#names.get(id) ?? id
  }

  hash(call: string): string {
    return this.#hashes.get(call) ?? ''
  }

  path(session: ModelSession, rest = ''): string {
    return `/sessions/${this.id(session.name)}${rest}`
  }

  createSession(): Promise<Answer> {
    const body = { runtime: 'led', cwd: this.folder.workspace, permissionMode: 'ask', credentialNamespace: this.#namespace }
    return this.client.post('/sessions', body)
  }

  startTask(session: ModelSession, taskId: string | null, prompt: string): Promise<Answer> {
    const id = taskId === null ? {} : { taskId }
    return this.client.post(this.path(session, '/tasks'), { ...id, messages: [{ role: 'user', content: `${prompt}.` }] })
  }

  decide(session: ModelSession, call: string, how: 'approve' | 'deny', more: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const body = { attempt: 1, input_hash: this.hash(call), ...more }
    return this.client.post(this.path(session, `/tool-calls/${this.id(call)}/${how}`), body)
  }

  /** Ends the daemon, and starts the next one. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await this.end(signal)
    await this.start()
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    expectEnd(await this.#daemon.end(signal), signal)
  }

  async start(): Promise<void> {
    this.#daemon = await start(this.folder, this.agents)
  }

  /** Every event of a session that was seen, as it came. */
  seen(session: ModelSession): readonly string[] {
    return this.#seen.get(session.name) ?? []
  }

  /** Follows the log until it says exactly what the model says, or one of several things that it may say. Returns which. */
  async settle(session: ModelSession, allowed: readonly (readonly string[])[] = [session.facts]): Promise<number> {
    const seen = this.#list(this.#seen, session)
    const facts = this.#list(this.#facts, session)
    const which = () => allowed.findIndex((one) => one.length === facts.length && one.every((fact, index) => fact === facts[index]))
    if (which() >= 0) return which()
    const signal = AbortSignal.timeout(PATIENCE_MS)
    try {
      for await (const { event, id, data } of this.client.frames(this.path(session, '/events'), {
        headers: { 'last-event-id': String(seen.length) },
        signal,
      })) {
        if (event === 'resync') throw new Error(`the daemon knows no seq ${seen.length} of ${session.name} any more`)
        if (event !== undefined) continue
        if (Number(id) !== seen.length + 1) throw new Error(`seq ${id} of ${session.name} came after ${seen.length}`)
        seen.push(data)
        this.#learn(JSON.parse(data) as Event, facts)
        if (which() >= 0) return which()
        if (!allowed.some((one) => mayBecome(facts, one))) break
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return expectFacts(session, facts, allowed)
  }

  /** Reads what has come of a session that the model does not speak of. The log rests meanwhile. */
  async catchUp(session: ModelSession): Promise<void> {
    const seen = this.#list(this.#seen, session)
    for await (const { event, data } of this.client.frames(this.path(session, `/events?after_seq=${seen.length}`))) {
      if (event === 'caught_up') return
      if (event !== undefined) continue
      seen.push(data)
      this.#learn(JSON.parse(data) as Event, this.#list(this.#facts, session))
    }
  }

  #learn(event: Event, facts: string[]): void {
    if (event.type === 'tool.call.requested') {
      const { tool_call_id, runtime_tool_call_id = '', input_hash } = event.payload
      this.bind(runtime_tool_call_id.slice(this.#prefix.length), tool_call_id)
      this.#hashes.set(this.name(tool_call_id), input_hash)
    }
    if (event.type === 'question.asked') this.bind(event.payload.title.slice(this.#prefix.length), event.payload.question_id)
    const names: Names = { task: (id) => this.name(id), call: (id) => this.name(id), question: (id) => this.name(id) }
    const fact = toFact(event, names)
    if (fact !== null) addFact(facts, fact)
  }

  #list(map: Map<string, string[]>, { name }: ModelSession): string[] {
    const list = map.get(name) ?? []
    map.set(name, list)
    return list
  }
}

function expectEnd(end: Awaited<ReturnType<DaemonProcess['end']>>, signal: 'SIGKILL' | 'SIGTERM'): void {
  expect(end).toEqual(signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal })
}

/** Throws: shows a log that fits nothing beside what it fits best. */
function expectFacts({ name }: ModelSession, facts: readonly string[], allowed: readonly (readonly string[])[]): never {
  expect(facts, `the log of ${name}`).toEqual(allowed.find((one) => mayBecome(facts, one)) ?? allowed[0])
  throw new Error(`the log of ${name} is not what it looks like`)
}

/** Whether a log that says this so far may yet come to say that. */
function mayBecome(facts: readonly string[], whole: readonly string[]): boolean {
  const last = facts.length - 1
  return facts.every((fact, index) => fact === whole[index] || (index === last && whole[index]?.startsWith(fact) === true))
}

function start(folder: TestFolder, agents: Agents): Promise<DaemonProcess> {
  return spawnDaemon(['--data-dir', folder.dataDir, '--sandbox', 'off', '--log-level', 'error', ...agents.args])
}
