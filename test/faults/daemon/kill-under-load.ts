import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startOfflineModel, type OfflineModel } from '@codesdkd/offline-model'
import type { TestClient } from '../../harness/client.ts'
import type { Fault, Round } from '../fault.ts'
import { launch, type Launched } from '../launch.ts'
import { checkDatabase, checkNoProcess, checkRuns, checkSession, checkTemp } from '../oracle.ts'
import type { Random } from '../random.ts'
import { Recorder } from '../recorder.ts'
import { toArgs } from '../run-fault.ts'

const SESSIONS = 10
/** After so many rounds a new data directory, so that logs stay short enough to be compared whole. */
const GENERATION = 20

/** A data directory that goes on from daemon to daemon, with what its clients remember. */
class World implements AsyncDisposable {
  readonly marker = `marker-${crypto.randomUUID()}`
  readonly dataDir: string
  readonly #folder: AsyncDisposable & { readonly path: string }
  readonly #model: OfflineModel
  readonly #sessions: { readonly recorder: Recorder; readonly workspace: string }[] = []
  #made = 0
  #daemon: Launched | null = null

  private constructor(folder: AsyncDisposable & { readonly path: string }, model: OfflineModel) {
    this.#folder = folder
    this.#model = model
    this.dataDir = join(folder.path, 'state')
  }

  static async open(): Promise<World> {
    const folder = await mkdtempDisposable(join(tmpdir(), 'codesdkd-fault-'))
    const legs = [{ text_repeat: { text: 'on and on ', times: 200 }, delay_ms: 5 }]
    return new World(folder, await startOfflineModel({ scenarios: [{ name: 'talk', prompt: 'talk', legs }] }))
  }

  async daemon(): Promise<Launched> {
    return (this.#daemon ??= await launch({ args: toArgs(this.dataDir) }))
  }

  /** Kills the daemon, starts the next and returns it. */
  async restart(): Promise<Launched> {
    await this.#daemon?.end('SIGKILL')
    await checkDatabase(this.dataDir)
    this.#daemon = null
    return await this.daemon()
  }

  get sessions(): readonly { readonly recorder: Recorder; readonly workspace: string }[] {
    return this.#sessions
  }

  /** A new session; replaces the oldest when there are enough. `codex` is the real one, on the offline model. */
  async create(client: TestClient, codex: boolean): Promise<Recorder> {
    const workspace = join(this.#folder.path, `workspace-${this.#made++}`)
    mkdirSync(workspace)
    const body = { cwd: workspace, permissionMode: 'ask', credentialNamespace: 'test', env: { MARKER: this.marker } }
    const runtime = codex
      ? { runtime: 'codex-sdk', model: 'gpt-5.5', runtimeConfig: { base_url: `${this.#model.url}/v1`, max_retries: 1 } }
      : { runtime: 'scripted' }
    const recorder = await Recorder.create(client, { ...body, ...runtime })
    this.#sessions.push({ recorder, workspace })
    return recorder
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.end('SIGKILL')
    await this.#model[Symbol.asyncDispose]()
    await this.#folder[Symbol.asyncDispose]()
  }
}

/** Answers of a daemon that is about to be killed: none at all is fine, a wrong one is not. */
async function perhaps(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    if (error instanceof Error && /: 5\d\d /.test(error.message)) throw error
  }
}

/** What one client does with its session until the daemon is gone. */
async function use(client: TestClient, recorder: Recorder, pick: Random): Promise<void> {
  const pause = () => delay(pick.integer(0, 60))
  switch (pick.of(['stream', 'stream', 'decide', 'deny', 'leave', 'stop', 'queue'] as const)) {
    case 'stream':
      await recorder.task(client, { say: 500, bytes: 100, pause: pick.integer(0, 5) })
      await pause()
      return await recorder.poll(client)
    case 'decide':
    case 'deny': {
      await recorder.task(client, { say: 2 }, { tool: { ms: pick.integer(0, 100) } }, { say: 3 }, { tool: {} })
      for (;;) {
        const [asked] = recorder.asked()
        if (asked === undefined) await delay(5)
        else await recorder.decide(client, pick.chance(0.7) ? 'approve' : 'deny', asked)
        // Ends when nobody answers any more.
        await client.get('/livez')
      }
    }
    case 'leave':
      await recorder.task(client, { say: 2 }, { tool: {} })
      return
    case 'stop': {
      const taskId = await recorder.task(client, { say: 500, pause: 2 })
      await pause()
      await client.post(`/sessions/${recorder.sessionId}/tasks/${taskId}/stop`)
      return
    }
    case 'queue':
      for (let index = 0; index < 3; index++) await recorder.task(client, { say: 3 })
      return await recorder.poll(client)
  }
}

async function load(world: World, client: TestClient, round: Round): Promise<void> {
  const { pick } = round
  const over = new AbortController()
  const follow = (recorder: Recorder) => recorder.follow(client, undefined, over.signal)
  const missing = Math.max(SESSIONS - world.sessions.length, pick.integer(0, 1))
  const work = world.sessions.slice(-SESSIONS).flatMap(({ recorder }) => [follow(recorder), perhaps(use(client, recorder, pick))])
  for (let index = 0; index < missing; index++) {
    const begin = async () => {
      const recorder = await world.create(client, index === 0 && round.index % 10 === 5)
      await Promise.all([follow(recorder), use(client, recorder, pick)])
    }
    work.push(perhaps(begin()))
  }
  const kill = async () => {
    await delay(pick.integer(5, 500))
    await world.restart()
    over.abort()
  }
  await Promise.all([kill(), ...work])
}

const killUnderLoad: Fault = {
  id: 'F12',
  name: 'kill -9 at a random moment under mixed load of 10 sessions, start on the same data',
  rounds: { short: 4, long: 1_000 },
  async run(round) {
    const world = await round.keep(() => World.open())
    const { client } = await world.daemon()
    await load(world, client, round)
    const next = await world.daemon()
    await checkNoProcess(world.marker)
    checkTemp(world.dataDir)
    let events = 0
    for (const { recorder, workspace } of world.sessions) {
      const log = await checkSession(next.client, recorder)
      events += log.length
      checkRuns(workspace, log)
    }
    round.figure('events', events)
    if (round.index % GENERATION === GENERATION - 1) await round.renew()
  },
}

export const killFaults: readonly Fault[] = [killUnderLoad]
