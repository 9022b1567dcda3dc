import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createAgentExecutables } from './installed/agent-executables.ts'
import { createAgentProcesses } from './agent-processes.ts'
import { clearLeftovers } from './clear-leftovers.ts'
import type { Config } from './configuration/config.ts'
import type { Clock } from './core/ports.ts'
import { StartFailure } from './core/start-failure.ts'
import { defaultHttpLimits } from './http/context.ts'
import { TokenRegistry } from './http/token-registry.ts'
import { createHttpServer } from './http/server.ts'
import { toIssues } from './issues.ts'
import type { Enclosures } from './enclosures.ts'
import { findWall } from './find-wall.ts'
import { createKeyStore } from './keys/key-store.ts'
import { loadKeys } from './keys/load-keys.ts'
import { toolSecrets } from './configuration/configured-tools.ts'
import { toLimits } from './configuration/limits.ts'
import { createNamespaces, toWhose } from './namespaces.ts'
import { newId } from './new-id.ts'
import { startOffline } from './offline.ts'
import { startPreload } from './preload.ts'
import { startRestCollector } from './rest-collector.ts'
import { startReplay, type ReplayPlan } from './start-replay.ts'
import { startRetention } from './retention.ts'
import { createRuntimeDirectory } from './runtime-directory.ts'
import { runtimeAliases } from './configuration/runtime-names.ts'
import { findPersonalPlaces } from './places/personal-places.ts'
import { createRootCheck } from './places/sandbox-root.ts'
import { toConfinement, toPresence, toSandboxInfo } from './sandbox-status.ts'
import { createOwnSecrets } from './own-secrets.ts'
import { createSessions } from './session-registry.ts'
import { createSessionSecrets } from './session-secrets.ts'
import type { Replay } from './core/replay.ts'
import { toReplayedSessions } from './core/replayed-sessions.ts'
import { replayRuntimes } from './runtimes/replay/replay.ts'
import { allRuntimes, selectRuntimes } from './installed/supported-runtimes.ts'
import { noteDaemon } from './storage/daemon-note.ts'
import { openStorage } from './storage/storage.ts'
import { createSupportBundles } from './bundle/support-bundle.ts'
import { createLog } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { openTracing, toTracingSecrets } from './telemetry/tracing.ts'
import { openToolRegistry } from './tool-registry.ts'
import { openTokensFile } from './configuration/tokens-file.ts'
import { makeToken } from './configuration/token.ts'
import { createVerified } from './verification/verified.ts'
import { createVerifier } from './verification/verifier.ts'
import { createSystemClock } from './system-clock.ts'
import { version } from './version.ts'
import type { ToolHost } from './core/task-host.ts'

/** A daemon that serves. Disposing it refuses new work, ends tasks and agents, flushes the log and frees the port. */
export interface Daemon extends AsyncDisposable {
  readonly url: string
  /** The bearer token, when it was made here and the host has to be told; else null. */
  readonly madeToken: string | null
  /** What it replays; null where it does other work. */
  readonly replay: Replay | null
  readonly logger: Logger
}

export interface DaemonParts {
  readonly clock?: Clock
  readonly environment?: NodeJS.ProcessEnv
  /** Left out: it runs agents. */
  readonly replay?: ReplayPlan
}

/** Builds everything, in the order in which it must stand; what was built is undone when a later step fails. Rejects with `StartFailure`. */
export async function createDaemon(
  config: Config,
  { clock = createSystemClock(), environment = process.env, replay: plan }: DaemonParts = {},
): Promise<Daemon> {
  const begun = clock.monotonic()
  const startup: Record<string, number> = {}
  const lap = (name: string) => {
    startup[name] = Math.round(clock.monotonic() - begun)
  }
  // Before anything is touched: a name that is wrong is told whatever else is wrong too.
  const wanted = plan === undefined ? selectRuntimes(config) : replayRuntimes
  await using stack = new AsyncDisposableStack()
  const madeToken = config.auth === 'token' && config.token === null ? makeToken() : null
  const token = config.token ?? madeToken
  const named = config.tokensFile === null ? null : openTokensFile(config.tokensFile)
  const ownSecrets = createOwnSecrets()
  if (token !== null) ownSecrets.add(token)
  const logger = createLog({ level: config.logLevel, masker: ownSecrets })

  const metrics = stack.use(createMetrics({ enabled: config.metrics, version, runtimes: [...allRuntimes(config).keys()] }))
  const tracing = stack.use(await openTracing({ environment, version, logger }))
  const storage = stack.use(
    openStorage({
      path: config.dataDir,
      recover: config.recover,
      clock,
      newId,
      onCommit: (seconds) => metrics.appended(seconds),
      onFailure: (failure) =>
        failure === null ? logger.info('the log can be written again') : logger.error({ err: failure }, 'the log cannot be written'),
    }),
  )
  const { dir, log, artifacts, setAside } = storage
  if (setAside !== null) logger.warn({ path: setAside }, 'the log was damaged and lies here now; an empty one was begun')
  const trying = findWall(config, { scratch: dir.temp, environment })
  // Whose parent ends while bubblewrap sets itself up would stay: it is not told to end with it before.
  stack.defer(async () => void (await trying))
  const processes = createAgentProcesses(storage.processes)
  lap('storage_ms')
  const sockets = join(dir.path, 'walls')
  const leftovers = await clearLeftovers(storage.processes, sockets)
  lap('leftovers_ms')

  const offline = config.offline ? stack.use(await startOffline(config.offlineScenario)) : null
  const runtimes = new Map([...wanted].map(([name, runtime]) => [name, runtime.create({ ledger: processes, newId })]))
  // What agents of the level `shared` are given, they can also tell.
  const credentials = [...runtimes.values()].flatMap(({ credentialVariables }) =>
    credentialVariables.map((name) => environment[name] ?? ''),
  )
  for (const secret of [
    ...(token === null ? [] : [token]),
    ...credentials.filter((value) => value !== ''),
    ...toolSecrets(config.tools, config.mcpServers),
    ...toTracingSecrets(environment),
  ])
    ownSecrets.add(secret)
  const executables = createAgentExecutables({
    supported: wanted,
    configured: config.executables,
    dataDir: dir.path,
    searchPath: environment['PATH'] ?? '',
  })
  const tokens = stack.use(
    new TokenRegistry({
      ownerToken: token,
      named,
      clock,
      secrets: ownSecrets,
    }),
  )
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
  const personal = await findPersonalPlaces(environment['HOME'] ?? homedir(), config.privateFiles)
  const wall = await trying
  lap('sandbox_ms')
  const presence = toPresence(wall)
  const sandbox = toSandboxInfo(config.sandbox, wall)
  if (config.sandbox === 'require' && !presence.available)
    throw new StartFailure('sandbox_unavailable', `there is no sandbox: ${presence.reason} ${presence.remedy ?? ''}`.trimEnd())
  const { tools, schemas } = stack.use(await openToolRegistry(config, { environment, ledger: processes, newId, clock, logger }))
  const toolEndpoint = async (task: () => ToolHost | null) => {
    const { createToolEndpoint } = await import('./tools/endpoint.ts')
    return createToolEndpoint({ version, task, report: (error) => logger.warn({ err: error }, 'a call of a tool was refused') })
  }
  const enclosuresIn = async (place: string) => {
    const { createEnclosures } = await import('./enclosures.ts')
    return createEnclosures({ directory: place, environment, wall, hidden: [dir.path, ...config.privateFiles], newId, toolEndpoint })
  }
  let enclosures: Promise<Enclosures> | null = null

  const sessions = stack.use(
    createSessions(config, {
      storage,
      runtimes,
      namespaces,
      enclosures: { open: async (...session) => await (await (enclosures ??= enclosuresIn(sockets))).open(...session) },
      secrets,
      ownSecrets,
      executables,
      tools,
      schemas,
      places: { roots, checkRoot: createRootCheck(roots), personal, wall: presence },
      metrics,
      tracing,
      logger,
      clock,
      newId,
    }),
  )
  const recovered = await sessions.recover()
  const replay = plan === undefined ? null : stack.use(await startReplay(plan, { storage, sessions, clock, logger }))
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
        enclosures: enclosuresIn,
        walled: () => Promise.resolve(presence.available),
      }),
    ),
    clock,
  })
  const issues = () => toIssues(config, { log, leftovers, sandbox, failingServers: tools.failing(), tokensFault: named?.fault() ?? null })
  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const server = stack.use(
    await listen(() =>
      createHttpServer({
        listen: config.listen,
        access: {
          auth: config.auth,
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
        sessions: replay === null ? sessions : toReplayedSessions(sessions, replay),
        runtimes: directory,
        bundles: createSupportBundles({
          log,
          artifacts,
          runtimes: directory,
          dataDir: dir,
          version,
          ownSecrets: () => ownSecrets.values(),
          secrets,
          clock,
        }),
        log,
        artifacts,
        tokens,
        metrics,
        tracing,
        agents: processes.known,
        newId,
        logger,
      }),
    ),
  )
  lap('listening_ms')
  metrics.gauges(() => sessions.counts())
  stack.use(startRetention({ sessions, retainMs: config.retainMs, clock, logger }))
  stack.use(startPreload())
  stack.use(startRestCollector({ position: () => log.lastCursor() }))
  stack.use(noteDaemon(dir, { url: server.url, pid: process.pid, log_id: log.logId }))
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
  return { url: server.url, madeToken, replay, logger, [Symbol.asyncDispose]: () => (ended ??= parts.disposeAsync()) }
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
