import { mkdirSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestClient } from '../../harness/client.ts'
import { launch, type Launched, type LaunchOptions } from '../launch.ts'
import { Witness } from './witness.ts'

const agent = join(import.meta.dirname, 'agent.mjs')

/** What the agent is to say: pieces, bytes of each, milliseconds between them, bytes of one line before them. */
export interface Script {
  readonly count?: number
  readonly bytes?: number
  readonly pause?: number
  readonly line?: number
}

/** A data directory and a workspace of one round. */
export interface Place extends AsyncDisposable {
  readonly path: string
  readonly workspace: string
  readonly dataDir: string
  /** Starts a daemon on the data directory with the scripted agent, without a sandbox. */
  start(options?: Partial<Omit<LaunchOptions, 'args'>> & { readonly args?: readonly string[] }): Promise<Launched>
  argsOf(more?: readonly string[]): readonly string[]
}

export async function createPlace(dataDir?: string): Promise<Place> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'codesdkd-fault-'))
  const place = { path: folder.path, workspace: join(folder.path, 'workspace'), dataDir: dataDir ?? join(folder.path, 'state') }
  mkdirSync(place.workspace)
  const argsOf: Place['argsOf'] = (more = []) => [
    '--data-dir',
    place.dataDir,
    '--log-level=warn',
    '--sandbox=off',
    '--metrics',
    '--agent',
    `scripted=${process.execPath} ${agent}`,
    ...more,
  ]
  return {
    ...place,
    argsOf,
    start: ({ args = [], ...options } = {}) => launch({ ...options, args: argsOf(args) }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

export async function createSession({ client }: Launched, { workspace }: Pick<Place, 'workspace'>): Promise<Witness> {
  const session = await client.createSession({ runtime: 'scripted', cwd: workspace, permissionMode: 'ask', credentialNamespace: 'test' })
  return new Witness(session.session_id)
}

/** Body of a task that plays the script. */
export function taskOf(script: Script): object {
  return { messages: [{ role: 'user', content: JSON.stringify(script) }] }
}

export async function startTask(client: TestClient, witness: Witness, script: Script): Promise<string> {
  const { task_id } = await client.startTask(witness.sessionId, JSON.stringify(script))
  witness.accepted(task_id)
  return task_id
}

/** Runs a task to its end. */
export async function play(daemon: Launched, witness: Witness, script: Script): Promise<void> {
  const taskId = await startTask(daemon.client, witness, script)
  await daemon.client.finish({ session_id: witness.sessionId, task_id: taskId })
}
