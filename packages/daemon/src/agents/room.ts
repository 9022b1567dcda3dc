import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgentExecutables, type AgentExecutables } from '../installed/agent-executables.ts'
import type { Config } from '../configuration/config.ts'
import type { RuntimeOperations } from '../core/operations.ts'
import type { Clock, Runtime, RuntimeEnv } from '../core/ports.ts'
import { createEnclosures } from '../enclosures.ts'
import { findWall } from '../find-wall.ts'
import { createKeyStore, type KeyStore } from '../keys/key-store.ts'
import { createEnvironments, toWhose } from '../namespaces.ts'
import { createRuntimeDirectory } from '../runtime-directory.ts'
import { runtimeAliases } from '../configuration/runtime-names.ts'
import type { SupportedRuntime } from '../runtimes/index.ts'
import { toConfinement, toSandboxInfo, type SandboxInfo } from '../sandbox-status.ts'
import { selectRuntimes } from '../installed/supported-runtimes.ts'
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
  /** Tried once, when it is first asked for. Never rejects. */
  readonly sandbox: () => Promise<SandboxInfo>
  readonly keys: Pick<KeyStore, 'list'>
}

const clock: Clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
const newId = () => randomBytes(16).toString('hex')
// The ledger on disk belongs to the daemon. What is started here ends before the command does.
const ledger = { started: () => undefined, ended: () => undefined }

/** What costs something is done when it is needed, and once. */
function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => (made ??= make())
}

/** Throws `StartFailure` for runtimes that are not known. Makes nothing on the disk. */
export function createRoom(config: Config, environment: Readonly<NodeJS.ProcessEnv> = process.env): Room {
  const { dataDir, sharedAllowed } = config
  const supported = selectRuntimes(config)
  const runtimes = new Map([...supported].map(([name, one]) => [name, one.create({ ledger, newId })]))
  const executables = createAgentExecutables({ supported, configured: config.executables, dataDir, searchPath: environment['PATH'] ?? '' })
  const keys = createKeyStore(dataDir)
  const environments = createEnvironments({
    dataDir,
    environment,
    executable: async ({ name }) => (await executables.find(name))?.path ?? null,
    offlineUrl: null,
    keys: (namespace, runtime) => keys.load(namespace)[runtime] ?? {},
  })
  const toEnv: Room['environment'] = (runtime, namespace, how) =>
    environments.toEnv(runtime, { ...toWhose(namespace, sharedAllowed), prepared: how === 'prepared' })
  const verified = createVerified(dataDir)
  const wall = lazily(() => findWall(config, { scratch: tmpdir(), environment }))
  const sandbox = lazily(async () => toSandboxInfo(config.sandbox, await wall()))
  const verifier = createVerifier({
    dataDir,
    verified,
    clock,
    environment,
    executables,
    enclosures: async (directory) =>
      createEnclosures({
        directory: join(directory, 'walls'),
        environment,
        wall: await wall(),
        hidden: [dataDir, ...config.privateFiles],
        newId,
      }),
    walled: async () => (await wall()).wall !== null,
  })
  const directory = createRuntimeDirectory({
    runtimes,
    aliases: runtimeAliases,
    defaultName: config.defaultRuntime,
    environment: (runtime, namespace) => toEnv(runtime, namespace),
    source: async ({ name }) => (await executables.find(name))?.source ?? null,
    verified,
    verifier,
    confinement: async (capabilities) => toConfinement(await sandbox())(capabilities),
    clock,
  })
  return {
    config,
    supported,
    runtimes,
    executables,
    directory,
    environment: toEnv,
    sandbox,
    keys,
    [Symbol.asyncDispose]: () => verifier[Symbol.asyncDispose](),
  }
}
