import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { createAgentExecutables } from './installed/agent-executables.ts'
import { createAgentProcesses } from './agent-processes.ts'
import type { Config } from './configuration/config.ts'
import { canonicalHash, inputHash } from './core/input-hash.ts'
import { evaluatePolicy, gatherFacts, toPlaces } from './core/policy/policy.ts'
import { RuntimeFailure, type Clock } from './core/ports.ts'
import { createMasker } from './core/redaction/redact.ts'
import { NetworkAnswers, readNetworkAnswers } from './core/network-answers.ts'
import { checkSandbox } from './core/session-sandbox.ts'
import { Sessions } from './core/sessions.ts'
import { Seats } from './core/seats.ts'
import { Slots } from './core/slots.ts'
import { StartFailure } from './core/start-failure.ts'
import { checkCwd } from './places/cwd.ts'
import { createEnclosures } from './enclosures.ts'
import { defaultHttpLimits } from './http/context.ts'
import { createHttpServer } from './http/server.ts'
import { createTrust, createUplink } from './gateway/uplink.ts'
import { toIssues } from './issues.ts'
import { checkSchema } from './json-schema.ts'
import { findWall } from './find-wall.ts'
import { createKeyStore, DamagedKeys, type KeyStore, type StoredKey } from './keys/key-store.ts'
import { toolSecrets } from './configuration/configured-tools.ts'
import { toLimits } from './configuration/limits.ts'
import { createNamespaces, toWhose } from './namespaces.ts'
import { createSourceFinder } from './places/implicit-sources.ts'
import { watchConfiguration } from './places/planted-configuration.ts'
import { startRetention } from './retention.ts'
import { createRuntimeDirectory } from './runtime-directory.ts'
import { killMarked, sweepLeftovers } from './runtimes/leftovers.ts'
import { processMark } from './runtimes/process.ts'
import { runtimeAliases } from './configuration/runtime-names.ts'
import { findPersonalPlaces } from './places/personal-places.ts'
import { createRootCheck } from './places/sandbox-root.ts'
import { removeMountPoints } from './sandbox/mount-points.ts'
import { toConfinement, toPresence, toSandboxInfo } from './sandbox-status.ts'
import { createSessionSecrets } from './session-secrets.ts'
import { allRuntimes, selectRuntimes } from './installed/supported-runtimes.ts'
import { openStorage } from './storage/storage.ts'
import { createSupportBundles } from './bundle/support-bundle.ts'
import { createLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { checkEntries, createOwnTools } from './tools/own-tools.ts'
import { createSchemaCheck } from './tools/schema-check.ts'
import { makeToken } from './configuration/token.ts'
import { createVerified } from './verification/verified.ts'
import { createVerifier } from './verification/verifier.ts'
import { version } from './version.ts'
import type { ToolHost } from './core/task-host.ts'
import { createWorkspace } from './places/workspace.ts'

/** A daemon that serves. Disposing it refuses new work, ends tasks and agents, flushes the log and frees the port. */
export interface Daemon extends AsyncDisposable {
  readonly url: string
  /** The bearer token, when it was made here and the host has to be told; else null. */
  readonly madeToken: string | null
  readonly logger: Logger
}

export interface DaemonParts {
  readonly clock?: Clock
  readonly environment?: NodeJS.ProcessEnv
}

/** 128 random bits: ids of sessions and artifacts cannot be guessed. */
const newId = () => randomBytes(16).toString('hex')
const systemClock: Clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }

/** Builds everything, in the order in which it must stand; what was built is undone when a later step fails. Rejects with `StartFailure`. */
export async function createDaemon(config: Config, { clock = systemClock, environment = process.env }: DaemonParts = {}): Promise<Daemon> {
  const begun = clock.monotonic()
  const startup: Record<string, number> = {}
  const lap = (name: string) => {
    startup[name] = Math.round(clock.monotonic() - begun)
  }
  // Before anything is touched: a name that is wrong is told whatever else is wrong too.
  const wanted = selectRuntimes(config)
  await using stack = new AsyncDisposableStack()
  const madeToken = config.auth === 'token' && config.token === null ? makeToken() : null
  const token = config.token ?? madeToken
  const masker = createMasker(token === null ? [] : [token])
  const logger = createLog({ level: config.logLevel, masker })

  const metrics = stack.use(createMetrics({ enabled: config.metrics, version, runtimes: [...allRuntimes(config).keys()] }))
  const storage = stack.use(
    openStorage({
      path: config.dataDir,
      clock,
      newId,
      onCommit: (seconds) => metrics.appended(seconds),
      onFailure: (failure) =>
        failure === null ? logger.info('the log can be written again') : logger.error({ err: failure }, 'the log cannot be written'),
    }),
  )
  const { dir, log, artifacts } = storage
  const trying = findWall(config, { scratch: dir.temp, environment })
  const processes = createAgentProcesses(storage.processes)
  lap('storage_ms')
  const leftovers = await sweepLeftovers(
    storage.processes.leftovers().flatMap((one) => (one.startTime === null ? [] : [{ ...one, startTime: one.startTime }])),
  )
  storage.processes.clear()
  lap('leftovers_ms')
  const sockets = join(dir.path, 'walls')
  // Of agents that are gone by now.
  removeMountPoints(sockets)
  rmSync(sockets, { recursive: true, force: true })
  mkdirSync(sockets, { mode: 0o700 })

  const offline = config.offline ? stack.use(await startOffline(config.offlineScenario)) : null
  const runtimes = new Map([...wanted].map(([name, runtime]) => [name, runtime.create({ ledger: processes, newId })]))
  // What agents of the level `shared` are given, they can also tell.
  const credentials = [...runtimes.values()].flatMap(({ credentialVariables }) =>
    credentialVariables.map((name) => environment[name] ?? ''),
  )
  const ownSecrets = [
    ...(token === null ? [] : [token]),
    ...credentials.filter((value) => value !== ''),
    ...toolSecrets(config.tools, config.mcpServers),
  ]
  masker.add(ownSecrets)
  const executables = createAgentExecutables({
    supported: wanted,
    configured: config.executables,
    dataDir: dir.path,
    searchPath: environment['PATH'] ?? '',
  })
  const keys = createKeyStore(dir.path)
  const namespaces = stack.use(
    createNamespaces({
      dataDir: dir.path,
      environment,
      executable: async ({ name }) => (await executables.find(name))?.path ?? null,
      offlineUrl: offline?.url ?? null,
      keys: (namespace, runtime) => loadKeys(keys, { namespace, runtime, logger }),
    }),
  )
  const verified = createVerified(dir.path)
  const secrets = createSessionSecrets(dir)
  const roots = { roots: config.workspaceRoots, dataDir: dir.path }
  const checkRoot = createRootCheck(roots)
  const personal = await findPersonalPlaces(environment['HOME'] ?? homedir(), config.privateFiles)
  const wall = await trying
  lap('sandbox_ms')
  const presence = toPresence(wall)
  const sandbox = toSandboxInfo(config.sandbox, wall)
  if (config.sandbox === 'require' && !presence.available)
    throw new StartFailure('sandbox_unavailable', `there is no sandbox: ${presence.reason} ${presence.remedy ?? ''}`.trimEnd())
  const schemas = stack.use(createSchemaCheck({ simple: checkSchema }))
  await checkEntries(config.tools, schemas.check).catch((error: Error) => {
    throw new StartFailure('invalid_config', `config file key tools: ${error.message}`, { cause: error })
  })
  const uplink = stack.use(createUplink(environment, createTrust(environment)))
  const tools = stack.use(
    createOwnTools({
      tools: config.tools,
      servers: config.mcpServers,
      version,
      world: {
        environment,
        // As agents, so that no call of theirs decides over their calls.
        ledger: processes,
        markName: processMark,
        newId,
        sweep: (mark) => killMarked(processMark, mark),
        agent: (protocol) => uplink.agent(protocol),
      },
      check: schemas.check,
      clock,
      report: (server, error) => logger.warn({ err: error, server }, 'an MCP server failed'),
    }),
  )
  const toolEndpoint = async (task: () => ToolHost | null) => {
    const { createToolEndpoint } = await import('./tools/endpoint.ts')
    return createToolEndpoint({ version, task, report: (error) => logger.warn({ err: error }, 'a call of a tool was refused') })
  }
  const enclosuresIn = (place: string) =>
    createEnclosures({ directory: place, environment, wall, hidden: [dir.path, ...config.privateFiles], newId, toolEndpoint })
  const enclosures = enclosuresIn(sockets)
  const findSources = createSourceFinder()

  const sessions = stack.use(
    new Sessions({
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
        const variables = runtime === undefined ? {} : (await namespaces.toEnv(runtime, record, secrets.load(record.sessionId))).variables
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
      observer: (event) => metrics.observe(event),
      report: (error, about) => logger.error({ err: error, ...about }, 'a task could not be run'),
      rules: {
        defaultRuntime: config.defaultRuntime,
        defaultPermissionMode: config.defaultPermissionMode,
        maxPermissionMode: config.maxPermissionMode,
        defaultCwd: config.workspaceRoots[0] ?? process.cwd(),
        sharedAllowed: config.sharedAllowed,
        sandbox: config.sandbox,
        wall: presence,
        personal,
        writableRoots: config.writableRoots,
        readableRoots: config.readableRoots,
        networkAllow: config.networkAllow,
        namespaces: config.namespaces,
      },
      runtimes,
      aliases: runtimeAliases,
      environment: async (record, runtime) => {
        await checkSandbox(record, { rules: { sandbox: config.sandbox, wall: presence, personal }, checkRoot })
        const env = await namespaces.toEnv(runtime, record, secrets.load(record.sessionId))
        return await enclosures.open(record, env, { answers: new NetworkAnswers(() => readNetworkAnswers(log, record.sessionId)) })
      },
      secrets,
      async erase(record, signal) {
        await namespaces.remove(record)
        secrets.remove(record.sessionId)
        await storage.erase(record.sessionId, signal)
      },
      removed: (reason) => metrics.removed(reason),
      notRemoved: (error, session_id) => logger.error({ err: error, session_id }, 'a session could not be erased'),
      createMasker: (values) => createMasker([...ownSecrets, ...values]),
    }),
  )
  const recovered = await sessions.recover()
  lap('recovery_ms')

  const directory = createRuntimeDirectory({
    runtimes,
    aliases: runtimeAliases,
    defaultName: config.defaultRuntime,
    environment: (runtime, namespace) => namespaces.toEnv(runtime, toWhose(namespace, config.sharedAllowed)),
    source: async ({ name }) => (await executables.find(name))?.source ?? null,
    verified,
    confinement: toConfinement(sandbox),
    verifier: stack.use(
      createVerifier({
        dataDir: dir.path,
        verified,
        clock,
        environment,
        executables,
        enclosures: (place) => Promise.resolve(enclosuresIn(place)),
        walled: () => Promise.resolve(presence.available),
      }),
    ),
    clock,
  })
  const issues = () => toIssues(config, { log, leftovers, sandbox, failingServers: tools.failing() })
  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const server = stack.use(
    await listen(() =>
      createHttpServer({
        listen: config.listen,
        access: {
          auth: config.auth,
          token,
          allowedHosts: config.allowedHosts,
          allowedOrigins: config.allowedOrigins,
          basePath: config.basePath,
        },
        limits: {
          ...defaultHttpLimits,
          bodyBytes: config.bodyBytes,
          taskBodyBytes: config.taskBodyBytes,
          sseClients: config.maxSseClients,
        },
        daemon: {
          version,
          startedAt: clock.now(),
          startup,
          state: () => state,
          limits: toLimits(config),
          sandbox,
          issues,
        },
        sessions,
        runtimes: directory,
        bundles: createSupportBundles({ log, artifacts, runtimes: directory, dataDir: dir, version, ownSecrets, secrets, clock }),
        log,
        artifacts,
        metrics,
        agents: processes.known,
        newId,
        logger,
      }),
    ),
  )
  lap('listening_ms')
  metrics.gauges(() => sessions.counts())
  stack.use(startRetention({ sessions, retainMs: config.retainMs, clock, logger }))
  state = 'ready'
  for (const { kind, severity, message, hint } of issues())
    logger[severity === 'warning' ? 'warn' : severity]({ kind, ...(hint === null ? {} : { hint }) }, message)
  logger.info({ url: server.url, version, auth: config.auth, recovered, leftovers, startup }, 'ready')
  // Ends first: streams still show how the tasks end, while new work is refused.
  stack.defer(async () => {
    state = 'stopping'
    await sessions[Symbol.asyncDispose]()
  })
  const parts = stack.move()
  let ended: Promise<void> | null = null
  // Whoever asks again, after an error in the middle of a shutdown say, waits for the same end.
  return { url: server.url, madeToken, logger, [Symbol.asyncDispose]: () => (ended ??= parts.disposeAsync()) }
}

interface WhoseKeys {
  readonly namespace: string
  readonly runtime: string
  readonly logger: Logger
}

/** Throws `RuntimeFailure` where the keys are there and cannot be read: without them an agent would only fail later, and say less. */
function loadKeys(keys: KeyStore, { namespace, runtime, logger }: WhoseKeys): Readonly<Record<string, StoredKey>> {
  try {
    return keys.load(namespace)[runtime] ?? {}
  } catch (error) {
    if (!(error instanceof DamagedKeys)) throw error
    logger.error({ err: error }, 'stored keys cannot be read')
    const message = 'The stored keys of this credential namespace cannot be read; the log of the daemon says why.'
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false }, { cause: error })
  }
}

async function listen<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const why = 'code' in error && error.code === 'EADDRINUSE' ? 'the address is in use' : error.message
    throw new StartFailure('listen_failed', `cannot listen: ${why}`, { cause: error })
  }
}

/** The offline model on loopback; loaded only where it is asked for. Throws `StartFailure` for a scenario file that makes no sense. */
async function startOffline(file: string | null): Promise<{ readonly url: string } & AsyncDisposable> {
  const { readScenarioFile, ScenarioError, startOfflineModel } = await import('@codesdkd/offline-model')
  try {
    return await startOfflineModel(
      await readScenarioFile(file ?? fileURLToPath(import.meta.resolve('@codesdkd/offline-model/scenarios/demo.json'))),
    )
  } catch (error) {
    if (error instanceof ScenarioError) throw new StartFailure('invalid_config', error.message, { cause: error })
    throw error
  }
}
