import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConfinementDenial } from '@codesdkd/protocol'
import { NetworkAnswers, toNetworkCall, type Target } from './core/network-answers.ts'
import { RuntimeFailure } from './core/ports.ts'
import type { AttendedTask, Command, Enclosure, Passage, Route, ToolPassage } from './core/enclosure.ts'
import type { AgentEnv, RuntimeEnv, SessionRecord } from './core/ports.ts'
import type { Decision, Observation, ToolHost } from './core/task-host.ts'
import { openEgress } from './egress/egress.ts'
import type { Judgement } from './egress/gate.ts'
import { createTrust, openGateway, type Gateway, type ModelCall, type Trust } from './gateway/gateway.ts'
import { checkRoute } from './keys/bound-keys.ts'
import { copyGitIdentity } from './places/git-identity.ts'
import { egressUrl, gatewayUrl, type Place, type Wall, type WallState } from './sandbox/wall.ts'

export interface EnclosuresOptions {
  /** Where the sockets of each session get a directory of their own. */
  readonly directory: string
  /** The daemon's own environment: it knows the proxies and certificates of this machine. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  readonly wall: WallState
  /** What no agent may see, wherever it works: the data directory, configuration, tokens. */
  readonly hidden: readonly string[]
  readonly newId: () => string
  /** Answers what agents ask of the tools that are not their own; `task` is the one that runs. Default: `Enclosure.tools` throws. */
  readonly toolEndpoint?: (task: () => ToolHost | null) => Promise<RequestListener>
}

/** What stands around a session's agent depends on these. */
export type EnclosedSession = Pick<SessionRecord, 'cwd' | 'sandbox'>

export interface OpenOptions {
  /** What was decided in this session before, for as long as it lives. Default: nothing. */
  readonly answers?: NetworkAnswers
}

/** Makes what stands around agents. */
export interface Enclosures {
  /** Rejects with `RuntimeFailure` where the session has a wall and there is none. */
  open(session: EnclosedSession, env: RuntimeEnv, options?: OpenOptions): Promise<AgentEnv>
}

/** Files with certificates that programs are told to trust by these variables. */
const certificateVariables = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']
const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']
const local = '127.0.0.1,localhost'
/** Of the programs of the daemon the only one that agents start. */
const stdioShim = fileURLToPath(new URL('tools/stdio-shim.ts', import.meta.url))

export function createEnclosures(given: EnclosuresOptions): Enclosures {
  let trust: Trust | null = null
  return {
    async open(session, env, { answers = new NetworkAnswers() } = {}) {
      const options: GatewayParts & EnclosuresOptions = { ...given, trust: (trust ??= createTrust(given.environment)) }
      if (!session.sandbox.walled) return await openBare(env, options)
      const { wall } = options.wall
      if (wall === null) {
        const message = `The session runs in a sandbox only, and there is none: ${options.wall.reason}`
        throw new RuntimeFailure({ code: 'sandbox_unavailable', message, retryable: false })
      }
      return await openWalled(session, env, { ...options, wall, answers })
    },
  }
}

/** Every way of a key to the outside begins here. Throws `RuntimeFailure` where it would lead the key to somebody else. */
function openChecked(gateway: Gateway, { boundKeys }: RuntimeEnv, route: Route): Passage {
  checkRoute(route, boundKeys)
  return gateway.open(route)
}

/** The gateway alone: keys are kept away, and nothing else is. */
async function openBare(env: RuntimeEnv, { environment, newId, trust, toolEndpoint }: GatewayParts): Promise<AgentEnv> {
  const desk = new Desk()
  const gateway = await openGateway({ listen: 'loopback', environment, newId, trust, onCall: (call) => desk.observe(toObservation(call)) })
  const { variables } = env
  return {
    ...env,
    variables: { ...variables, ...exemptLocal(variables) },
    enclosure: {
      walled: false,
      open: (route) => openChecked(gateway, env, route),
      tools: toTools(gateway, desk, toolEndpoint),
      allow: () => {},
      enclose: (command) => ({ ...command, depth: 0 }),
      attend: (task) => void (desk.task = task),
      [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
    },
  }
}

interface GatewayParts extends Pick<EnclosuresOptions, 'environment' | 'newId' | 'toolEndpoint'> {
  /** Costs some milliseconds to make: one for all. */
  readonly trust: Trust
}

interface WalledOptions extends GatewayParts, Omit<EnclosuresOptions, 'wall'> {
  readonly wall: Wall
  readonly answers: NetworkAnswers
}

async function openWalled({ cwd, sandbox }: EnclosedSession, env: RuntimeEnv, options: WalledOptions): Promise<AgentEnv> {
  const { directory, environment, hidden, answers, wall, toolEndpoint } = options
  await using stack = new AsyncDisposableStack()
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const sockets = await mkdtemp(join(directory, 's'))
  stack.defer(() => rm(sockets, { recursive: true, force: true }))
  const desk = new Desk()
  const allowed = [...sandbox.networkAllow]
  const ways = stack.use(await openWays({ ...options, sockets, desk, allowed }))
  const home = env.variables['HOME']
  if (env.shared && home !== undefined) await copyGitIdentity(home, environment)
  const own = home === undefined ? [env.home] : [env.home, home]
  const place: Place = {
    workspace: cwd,
    writable: [...sandbox.writableRoots, ...(await Promise.all(own.map((path) => realpath(path))))],
    readable: sandbox.readableRoots,
    named: [...own, process.execPath, stdioShim, ...certificateVariables.flatMap((name) => env.variables[name] ?? [])],
    hidden,
    sockets,
    ports: ways.ports,
  }
  stack.defer(() => wall.release(place))
  const parts = stack.move()
  const enclosure: Enclosure = {
    walled: true,
    open: (route) => openChecked(ways.gateway, env, route),
    tools: toTools(ways.gateway, desk, toolEndpoint),
    allow: (hosts) => void allowed.push(...hosts),
    enclose: (command: Command) => wall.enclose(command, place),
    attend(task) {
      answers.forgetTask()
      desk.task = task
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
  return { ...env, variables: ways.toVariables(env.variables), enclosure }
}

interface WaysOptions extends WalledOptions {
  readonly sockets: string
  readonly desk: Desk
  readonly allowed: readonly string[]
}

/** The ways that lead out of a wall. */
interface Ways extends AsyncDisposable {
  readonly gateway: Gateway
  /** Those of 127.0.0.1 that a wall without a network of its own has to let through. */
  readonly ports: readonly number[]
  toVariables(variables: Readonly<Record<string, string>>): Record<string, string>
}

async function openWays({ wall, sockets, desk, allowed, environment, newId, trust, answers }: WaysOptions): Promise<Ways> {
  await using stack = new AsyncDisposableStack()
  const onCall = (call: ModelCall) => desk.observe(toObservation(call))
  // Seatbelt has no network of its own: a port for the gateway, which asks for the placeholder, and no way to other hosts at all.
  const apart = wall.kind === 'bubblewrap'
  const listen = apart ? ({ directory: sockets, name: 'gateway.sock', url: gatewayUrl } as const) : 'loopback'
  const gateway = stack.use(await openGateway({ listen, environment, newId, trust, onCall }))
  if (apart)
    stack.use(
      await openEgress({
        socket: { directory: sockets, name: 'egress.sock' },
        allow: () => allowed,
        known: (target) => toKnown(answers.find(target), desk.task),
        judge: (target) => desk.ask(target, { answers, newId }),
        refused: (denial: ConfinementDenial) => desk.observe({ kind: 'refused', denial }),
        environment,
      }),
    )
  const parts = stack.move()
  return {
    gateway,
    ports: apart ? [] : [Number(new URL(gateway.url).port)],
    toVariables: (variables) => (apart ? toInsideVariables(variables) : { ...variables, ...exemptLocal(variables) }),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Inside there is another network: the way out is the gate, whatever proxies this machine has. */
function toInsideVariables(given: Readonly<Record<string, string>>): Record<string, string> {
  const { TMPDIR: _notInside, ...variables } = given
  const proxies = Object.fromEntries(proxyVariables.map((name) => [name, egressUrl]))
  return { ...variables, ...proxies, NO_PROXY: local, no_proxy: local }
}

/** The gateway is not to be looked for behind a proxy of this machine. */
function exemptLocal({ NO_PROXY, no_proxy }: Readonly<Record<string, string>>): Record<string, string> {
  const exempted = [NO_PROXY ?? no_proxy ?? '', local].filter((part) => part !== '').join(',')
  return { NO_PROXY: exempted, no_proxy: exempted }
}

/** One way to the tools of a session, opened when an agent is to have it. */
function toTools(gateway: Gateway, desk: Desk, open: EnclosuresOptions['toolEndpoint']): Enclosure['tools'] {
  let passage: ToolPassage | null = null
  return () => {
    if (passage !== null) return passage
    if (open === undefined) throw new Error('no tools are offered here')
    const endpoint = open(() => desk.tools)
    const { url, placeholder } = gateway.serve(
      'tools',
      (request, response) => void endpoint.then((listener) => listener(request, response)),
    )
    const env = { CODESDKD_TOOLS_URL: url, CODESDKD_TOOLS_SECRET: placeholder }
    return (passage = { url, placeholder, stdio: { command: process.execPath, args: [stdioShim], env } })
  }
}

/** Where the enclosure and the task that runs meet. */
class Desk {
  task: AttendedTask | null = null

  get tools(): ToolHost | null {
    return this.task?.tools ?? null
  }

  observe(...observations: readonly Observation[]): void {
    void this.task?.host.observe(observations)
  }

  async ask(target: Target, { answers, newId }: Pick<WalledOptions, 'answers' | 'newId'>): Promise<Judgement> {
    const { task } = this
    if (task === null) return nobody
    const call = toNetworkCall(`network-${newId()}`, target)
    const decision = await task.host.ask(call)
    // The answer may come after the end of the task that it was for.
    if (task === this.task || decision.remember === 'session') answers.keep(target, decision)
    if (decision.decision === 'approved') await task.host.observe([{ kind: 'call.started', id: call.id }, toConnected(call.id)])
    return toJudgement(decision)
  }
}

const nobody: Judgement = { decision: 'denied', reason: 'No task is running that this could belong to.' }

/** What is settled before anybody is asked, and before a name is looked up. */
function toKnown(answer: Decision | null, task: AttendedTask | null): Judgement | null {
  if (task === null) return nobody
  if (answer !== null) return toJudgement(answer)
  return task.hostsDenied === null ? null : { decision: 'denied', reason: task.hostsDenied }
}

function toJudgement(decision: Decision): Judgement {
  return decision.decision === 'approved' ? { decision: 'allowed' } : { decision: 'denied', reason: decision.reason }
}

function toObservation(call: ModelCall): Observation {
  const { id: request_id, model } = call
  if (call.phase === 'started') return { kind: 'event', event: { type: 'runtime.request.started', payload: { request_id, model } } }
  const { durationMs: duration_ms, firstByteMs: first_byte_ms, status, usage } = call
  const payload = { request_id, model, duration_ms, first_byte_ms, status, usage }
  return { kind: 'event', event: { type: 'runtime.request.completed', payload } }
}

function toConnected(id: string): Observation {
  return {
    kind: 'call.completed',
    id,
    result: { output: 'The connection is allowed.', isError: false, durationMs: null, executionEnv: 'host' },
  }
}
