import { mkdtempSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem, type Verification } from '@codesdkd/protocol'
import type { Clock, Runtime, RuntimeEnv } from '../core/ports.ts'
import type { Enclosures } from '../enclosures.ts'
import type { AgentExecutables } from '../installed/agent-executables.ts'
import { readAgentVersion } from '../installed/agent-version.ts'
import { createEnvironments } from '../namespaces.ts'
import { examine, toDifferences } from './examine.ts'
import { readableRoots } from './examinee.ts'
import { scenarios } from './trials.ts'
import type { Verified } from './verified.ts'

/** Milliseconds for all probes together. The agents that are still there then take some seconds to end. */
const EXAMINATION_LIMIT = 90_000

export interface VerifierOptions {
  /** Must exist. Everything that a verification needs on disk is made in it, and removed afterwards. */
  readonly dataDir: string
  readonly verified: Verified
  readonly clock: Clock
  /** The own environment of this process. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  readonly executables: AgentExecutables
  /** What stands around sessions' agents; `directory` is where it may put its sockets. */
  readonly enclosures: (directory: string) => Promise<Enclosures>
  /** Whether sessions have a wall when nothing is said. */
  readonly walled: () => Promise<boolean>
}

/** Measures an installed agent in an empty place, and remembers what was found. Throws `Problem`. */
export async function verify(runtime: Runtime, options: VerifierOptions, signal: AbortSignal): Promise<Verification> {
  const { dataDir, verified, clock, enclosures, walled } = options
  await using stack = new AsyncDisposableStack()
  const base = makePlace(join(dataDir, 'verifying'))
  stack.defer(() => rm(base, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  const workspace = join(base, 'workspace')
  mkdirSync(workspace, { mode: 0o700 })
  const { startOfflineModel } = await import('@codesdkd/offline-model')
  const model = stack.use(await startOfflineModel({ scenarios: [...scenarios] }))
  const env = await toEnv(runtime, { base, workspace, offlineUrl: model.url }, options)
  if (env.executable === null)
    throw new Problem('agent_not_installed', 'The agent is not installed.', { members: { runtime: runtime.name } })
  // Without a model of ours it would ask its own, which costs, and where nobody is logged in.
  if (!(await runtime.authStatus(env)).logged_in)
    throw new Problem('invalid_request', 'This agent cannot be given a model on this machine; its entry names no base_url_variable.')
  const around = await enclosures(base)
  const sandbox = { mode: 'auto', walled: await walled(), writableRoots: [], readableRoots, networkAllow: [] } as const
  const version = await readAgentVersion(runtime, env, signal).catch(() => null)
  const probes = await examine({
    runtime,
    env,
    workspace,
    enclose: (one) => around.open({ cwd: workspace, sandbox }, one),
    model,
    signal: AbortSignal.any([signal, AbortSignal.timeout(EXAMINATION_LIMIT)]),
  })
  if (signal.aborted) throw new Problem('shutting_down', 'The verification was ended before it was done.')
  const found = {
    runtime: runtime.name,
    agent_version: version,
    verified_at: clock.now(),
    probes: [...probes],
    differences: toDifferences(probes),
  }
  // Where nothing could be told, what was known before is worth more.
  if (probes.some(({ measured }) => measured !== null)) verified.put(found, base)
  return found
}

interface Place {
  readonly base: string
  readonly workspace: string
  readonly offlineUrl: string
}

/** A home that nobody has used and nobody will use, and no key. */
function toEnv(
  runtime: Runtime,
  { base, workspace, offlineUrl }: Place,
  { environment, executables }: VerifierOptions,
): Promise<RuntimeEnv> {
  const executable = async () => (await executables.find(runtime.name))?.path ?? null
  const whose = { credentialNamespace: 'verification', isolationLevel: 'namespaced', sessionId: 'verification', cwd: workspace } as const
  return createEnvironments({ dataDir: base, environment, executable, offlineUrl }).toEnv(runtime, whose)
}

/** A directory of our own, and an end to those of processes that are gone: several of them may share a data directory. */
function makePlace(parent: string): string {
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(parent))
    if (!lives(Number.parseInt(name, 10))) rmSync(join(parent, name), { recursive: true, force: true })
  return mkdtempSync(join(parent, `${process.pid}-`))
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
