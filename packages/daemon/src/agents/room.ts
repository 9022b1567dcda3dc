import { randomBytes } from 'node:crypto'
import { createAgentExecutables, type AgentExecutables } from '../agent-executables.ts'
import type { Config } from '../config.ts'
import type { RuntimeOperations } from '../core/operations.ts'
import type { Clock, Runtime, RuntimeEnv } from '../core/ports.ts'
import { createEnvironments, toWhose } from '../namespaces.ts'
import { createRuntimeDirectory } from '../runtime-directory.ts'
import { runtimeAliases } from '../runtime-names.ts'
import type { SupportedRuntime } from '../runtimes/index.ts'
import { selectRuntimes } from '../supported-runtimes.ts'
import { createVerified } from '../verification/verified.ts'
import { createVerifier } from '../verification/verifier.ts'

/** What the commands work with: the runtimes and the data directory of a daemon that need not run, and without its lock. */
export interface Room extends AsyncDisposable {
  readonly config: Config
  readonly supported: ReadonlyMap<string, SupportedRuntime>
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly executables: AgentExecutables
  readonly directory: RuntimeOperations
  /** The environment of a credential namespace (null: the default one); `prepared` makes its directories. */
  readonly environment: (runtime: Runtime, namespace: string | null, how?: 'prepared') => Promise<RuntimeEnv>
}

const clock: Clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
const newId = () => randomBytes(16).toString('hex')
// The ledger on disk belongs to the daemon. What is started here ends before the command does.
const ledger = { started: () => undefined, ended: () => undefined }

/** Throws `StartFailure` for runtimes that are not known. Makes nothing on the disk. */
export function createRoom(config: Config, environment: Readonly<NodeJS.ProcessEnv> = process.env): Room {
  const { dataDir, sharedAllowed } = config
  const supported = selectRuntimes(config)
  const runtimes = new Map([...supported].map(([name, one]) => [name, one.create({ ledger, newId })]))
  const executables = createAgentExecutables({ supported, configured: config.executables, dataDir, searchPath: environment['PATH'] ?? '' })
  const environments = createEnvironments({
    dataDir,
    environment,
    executable: async ({ name }) => (await executables.find(name))?.path ?? null,
    offlineUrl: null,
  })
  const toEnv: Room['environment'] = (runtime, namespace, how) =>
    environments.toEnv(runtime, { ...toWhose(namespace, sharedAllowed), ...(how === undefined ? {} : { sessionId: how }) })
  const verified = createVerified(dataDir)
  const verifier = createVerifier({ dataDir, verified, clock, environment, executables })
  const directory = createRuntimeDirectory({
    runtimes,
    aliases: runtimeAliases,
    defaultName: config.defaultRuntime,
    environment: (runtime, namespace) => toEnv(runtime, namespace),
    source: async ({ name }) => (await executables.find(name))?.source ?? null,
    verified,
    verifier,
    clock,
  })
  return {
    config,
    supported,
    runtimes,
    executables,
    directory,
    environment: toEnv,
    [Symbol.asyncDispose]: () => verifier[Symbol.asyncDispose](),
  }
}
