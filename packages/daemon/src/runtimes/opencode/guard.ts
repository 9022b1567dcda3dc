import { randomUUID } from 'node:crypto'
import { forgetApprovals } from './approvals.ts'
import { throughDoors } from './doors.ts'
import type { Doors } from './doors.ts'
import { createPatientFetch } from './patient-fetch.ts'
import type { PatientFetch } from './patient-fetch.ts'
import { asksAlways } from './seal.ts'
import { createTokenCount } from './token-count.ts'
import type { Tokens } from './token-count.ts'
import { createTurnstile } from './turnstile.ts'
import type { Turnstile } from './turnstile.ts'

/**
 * A plugin that runs inside OpenCode and holds it to what its own settings cannot:
 * - its HTTP server, over which anyone could answer its questions, gets a password that never leaves the process;
 * - approvals that commands of earlier turns have left in its database do not count;
 * - every shell command is asked about, also one in which OpenCode finds no program (`> file`);
 * - calls of one answer are asked about one after the other, as a rejection would reject all that wait;
 * - model calls are repeated as often as the session allows, and keep their real error;
 * - the tokens of a turn are those of all its model calls, not of the last one.
 *
 * The settings file alone forbids every tool: without this plugin the agent can do nothing. All imports are part of Node or
 * stand beside this file; OpenCode runs it with its own interpreter.
 */

/** What the daemon hands over in the settings file; no secret is among it. */
export interface GuardOptions {
  readonly permission: Readonly<Record<string, string>>
  readonly maxRetries: number
  /** What the environment of commands holds instead of the agent's own; null for nothing. */
  readonly variables: Readonly<Record<string, string | null>>
  /** By the names of providers; most need none. */
  readonly doors: Readonly<Record<string, Doors>>
}

/** The part of OpenCode's plugin interface that is used. */
interface PluginInput {
  /** The address of its server; host `localhost` until that listens. */
  readonly serverUrl: URL
}

interface Settings {
  permission?: Readonly<Record<string, string>>
  agent?: Record<string, { permission?: unknown } | undefined>
  provider?: Record<string, { options?: Record<string, unknown> } | undefined>
}

interface BusEvent {
  readonly type: string
  readonly properties: {
    readonly tool?: { readonly callID: string }
    readonly part?: {
      readonly id: string
      readonly sessionID: string
      readonly callID?: string
      readonly state?: { readonly status: string }
      readonly tokens?: Tokens
    }
    readonly status?: { readonly type: string; readonly attempt?: number; readonly message?: string }
  }
}

interface Hooks {
  config(settings: Settings): Promise<void>
  event(input: { readonly event: BusEvent }): Promise<void>
  'chat.message'(): Promise<void>
  'shell.env'(input: unknown, output: { readonly env: Record<string, string | undefined> }): Promise<void>
  'tool.execute.before'(
    input: { readonly tool: string; readonly callID: string },
    output: { readonly args: Record<string, unknown> },
  ): Promise<void>
}

const password = 'OPENCODE_SERVER_PASSWORD'

/** OpenCode loads the plugin once before its server listens and once for each directory; what the first one sets up serves all. */
let started: ReturnType<typeof start> | null = null

// The one export: OpenCode takes every exported function for a plugin.
export async function guard(input: PluginInput, options: GuardOptions): Promise<Hooks> {
  started ??= start(input)
  const { plainFetch, tokens } = started
  if (input.serverUrl.hostname !== 'localhost') await checkLock(input, plainFetch)
  const turnstile = createTurnstile()
  const patient = createPatientFetch(plainFetch, options.maxRetries)
  return {
    async config(settings) {
      settings.permission = options.permission
      for (const agent of Object.values(settings.agent ?? {})) delete agent?.permission
      for (const [name, provider] of Object.entries(settings.provider ?? {})) {
        if (provider === undefined) continue
        const doors = options.doors[name]
        provider.options = { ...provider.options, fetch: doors === undefined ? patient.fetch : throughDoors(patient.fetch, doors) }
      }
    },
    async event({ event }) {
      const { part } = event.properties
      if (part?.tokens !== undefined) tokens.add(part.sessionID, part.id, part.tokens)
      passCalls(turnstile, event)
      tellRetries(patient, event)
    },
    // Before each turn: commands of an earlier one may have run unasked, as it was in another mode.
    async 'chat.message'() {
      await forgetApprovals(process.env['XDG_DATA_HOME'])
    },
    async 'shell.env'(_, { env }) {
      for (const name of Object.keys(process.env)) if (name.startsWith('OPENCODE')) env[name] = undefined
      for (const [name, value] of Object.entries(options.variables)) env[name] = value ?? undefined
    },
    async 'tool.execute.before'({ tool, callID }, { args }) {
      const { command } = args
      const isCommand = tool === 'bash' && typeof command === 'string'
      await turnstile.enter(callID, () => {
        if (isCommand) args['command'] = command
      })
      // A command without a program in it would run unasked. Once it is asked about, it is again as it was.
      if (isCommand) args['command'] = asksAlways + command
    },
  }
}

function start(input: PluginInput) {
  const plainFetch = globalThis.fetch
  const tokens = createTokenCount()
  lockServer(input, async (request) => await tokens.complete(request, plainFetch))
  return { plainFetch, tokens }
}

/** Sets the password, and adds it to what this process itself asks of its server. */
function lockServer(input: PluginInput, ask: (request: Request) => Promise<Response>): void {
  const plainFetch = globalThis.fetch
  const secret = randomUUID()
  process.env[password] = secret
  const authorization = `Basic ${Buffer.from(`opencode:${secret}`).toString('base64')}`
  const own = async (target: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = URL.parse(target instanceof Request ? target.url : String(target))
    if (url?.origin !== input.serverUrl.origin) return await plainFetch(target, init)
    const request = new Request(target, init)
    request.headers.set('authorization', authorization)
    return await ask(request)
  }
  globalThis.fetch = Object.assign(own, plainFetch)
}

/** The server has read its password by now: nothing that OpenCode starts may see it. A server that is open all the same ends the agent. */
async function checkLock({ serverUrl }: PluginInput, plainFetch: typeof fetch): Promise<void> {
  delete process.env[password]
  const { status } = await plainFetch(new URL('/config', serverUrl))
  if (status === 401) return
  process.stderr.write('codesdkd: the server of OpenCode takes requests without a password; it was ended.\n')
  process.exit(1)
}

function passCalls(turnstile: Turnstile, { type, properties: { part, tool } }: BusEvent): void {
  switch (type) {
    case 'message.part.updated':
      if (part?.callID === undefined) return
      if (part.state?.status === 'running') turnstile.announced(part.callID)
      if (part.state?.status === 'completed' || part.state?.status === 'error') turnstile.ended(part.callID)
      return
    case 'permission.asked':
      if (tool !== undefined) turnstile.asked(tool.callID)
      return
    case 'permission.replied':
      return turnstile.answered()
    case 'session.idle':
      return turnstile.reset()
    default:
  }
}

function tellRetries(patient: PatientFetch, { type, properties: { status } }: BusEvent): void {
  if (type !== 'session.status' || status === undefined) return
  if (status.type === 'retry') patient.retrying(status.attempt ?? 1, status.message ?? '')
  if (status.type === 'idle') patient.reset()
}
