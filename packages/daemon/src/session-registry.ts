import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import type { Config } from './configuration/config.ts'
import { runtimeAliases } from './configuration/runtime-names.ts'
import { canonicalHash, inputHash } from './core/input-hash.ts'
import { NetworkAnswers, readNetworkAnswers } from './core/network-answers.ts'
import { evaluatePolicy, gatherFacts, toPlaces } from './core/policy/policy.ts'
import type { Clock, NewId, Runtime } from './core/ports.ts'
import { Seats } from './core/seats.ts'
import { checkSandbox, type CheckRoot, type WallPresence } from './core/session-sandbox.ts'
import { Sessions } from './core/sessions.ts'
import { Slots } from './core/slots.ts'
import type { Enclosures } from './enclosures.ts'
import type { AgentExecutables } from './installed/agent-executables.ts'
import { checkSchema } from './json-schema.ts'
import type { Namespaces } from './namespaces.ts'
import { checkCwd } from './places/cwd.ts'
import { createSourceFinder } from './places/implicit-sources.ts'
import { watchConfiguration } from './places/planted-configuration.ts'
import { createWorkspace } from './places/workspace.ts'
import type { OwnSecrets } from './own-secrets.ts'
import type { SessionSecrets } from './session-secrets.ts'
import type { Storage } from './storage/storage.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Tracing } from './telemetry/tracing.ts'
import type { OwnTools } from './tools/own-tools.ts'
import type { SchemaCheck } from './tools/schema-check.ts'

export interface SessionParts {
  readonly storage: Storage
  readonly runtimes: ReadonlyMap<string, Runtime>
  readonly namespaces: Namespaces
  readonly enclosures: Enclosures
  readonly secrets: SessionSecrets
  /** What the daemon itself keeps secret. */
  readonly ownSecrets: OwnSecrets
  readonly executables: AgentExecutables
  readonly tools: OwnTools
  readonly schemas: SchemaCheck
  readonly places: {
    readonly roots: Parameters<typeof checkCwd>[1]
    readonly checkRoot: CheckRoot
    readonly personal: readonly string[]
    readonly wall: WallPresence
  }
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly logger: Logger
  readonly clock: Clock
  readonly newId: NewId
}

/** The sessions of the daemon, with all that they need of the world. */
export function createSessions(config: Config, parts: SessionParts): Sessions {
  const {
    storage,
    runtimes,
    namespaces,
    enclosures,
    secrets,
    ownSecrets,
    executables,
    tools,
    schemas,
    places,
    metrics,
    tracing,
    logger,
    clock,
    newId,
  } = parts
  const { log, artifacts } = storage
  const { roots, checkRoot, personal, wall } = places
  const findSources = createSourceFinder()
  return new Sessions({
    log,
    artifacts,
    clock,
    newId,
    slots: new Slots(config.maxRunningTasks),
    seats: new Seats({ live: config.maxLiveAgents, starting: availableParallelism() }),
    hash: { inputHash, contentHash: canonicalHash },
    queueLimit: config.maxQueuedTasks,
    idleTimeoutMs: config.agentIdleTimeoutMs,
    approvalTimeoutMs: config.approvalTimeoutMs,
    judge: async (call, record, mode) => {
      // Git reads the configuration of the home that the agent's git will have.
      const runtime = runtimes.get(record.runtime)
      const variables = runtime === undefined ? {} : (await namespaces.toEnv(runtime, record, secrets.load(record))).variables
      const facts = await gatherFacts(call, mode, toPlaces(record), createWorkspace({ environment: variables }))
      return evaluatePolicy(call, {
        mode,
        escalation: record.escalation,
        confinement: record.confinement,
        wall: record.sandbox.walled,
        facts,
      })
    },
    checkCwd: (cwd) => checkCwd(cwd, roots),
    checkRoot,
    checkAnswer: checkSchema,
    tools,
    checkSchema: schemas.check,
    implicitSources: ({ runtime, cwd, trustWorkspace }) => findSources(cwd, runtimes.get(runtime)?.implicitSources ?? [], trustWorkspace),
    watchConfiguration: (record) => watchConfiguration([record.cwd, ...record.sandbox.writableRoots]),
    observer(event) {
      metrics.observe(event)
      tracing.observe(event)
    },
    report: (error, about) => logger.error({ err: error, ...about }, 'a task could not be run'),
    rules: {
      defaultRuntime: config.defaultRuntime,
      defaultPermissionMode: config.defaultPermissionMode,
      maxPermissionMode: config.maxPermissionMode,
      defaultCwd: config.workspaceRoots[0] ?? process.cwd(),
      sharedAllowed: config.sharedAllowed,
      sandbox: config.sandbox,
      wall,
      personal,
      writableRoots: config.writableRoots,
      readableRoots: config.readableRoots,
      networkAllow: config.networkAllow,
      namespaces: config.namespaces,
    },
    runtimes,
    aliases: runtimeAliases,
    environment: async (record, runtime) => {
      await checkSandbox(record, { rules: { sandbox: config.sandbox, wall, personal }, checkRoot })
      const env = await namespaces.toEnv(runtime, record, secrets.load(record))
      return await enclosures.open(record, env, { answers: new NetworkAnswers(() => readNetworkAnswers(log, record.sessionId)) })
    },
    secrets,
    async erase(record, signal) {
      await namespaces.remove(record)
      secrets.remove(record)
      await storage.erase(record.sessionId, signal)
    },
    async forget(record) {
      secrets.forget(record)
      await namespaces.forget(record)
    },
    installed: async ({ name }) => (await executables.find(name)) !== null,
    removed: (reason) => metrics.removed(reason),
    notRemoved: (error, session_id) => logger.error({ err: error, session_id }, 'a session could not be erased'),
    createMasker: (values) => ownSecrets.createMasker(values),
  })
}
