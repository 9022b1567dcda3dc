import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { toAgents } from './configured-agents.ts'
import { toMcpServers, toTools } from './configured-tools.ts'
import type { SandboxRules } from '../core/session-sandbox.ts'
import { StartFailure } from '../core/start-failure.ts'
import { toNamespaceGrants } from './namespace-grants.ts'
import { options, type Option, type Settings } from './options.ts'
import { toOrder, type Order } from './order.ts'
import { toRuntimeName } from './runtime-names.ts'
import type { AgentEntry } from '../runtimes/acp/agent-config.ts'
import type { McpServerEntry, ToolEntry } from '../tools/tool-entry.ts'
import { readToken } from './token.ts'

const table: ReadonlyMap<string, Option> = new Map(Object.entries(options))

/** Everything the daemon was told, with defaults filled in. */
export interface Config extends Omit<SandboxRules, 'wall' | 'personal'> {
  readonly listen: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly dataDir: string
  /** A damaged log is moved aside instead of refusing to start. Only ever asked for by flag: nobody should have it happen again and again. */
  readonly recover: boolean
  readonly workspaceRoots: readonly string[]
  /** Wire names; null = all there are. */
  readonly runtimes: readonly string[] | null
  readonly defaultRuntime: string
  readonly defaultPermissionMode: 'auto' | 'ask' | 'yolo'
  readonly maxPermissionMode: 'auto' | 'ask' | 'yolo'
  readonly auth: 'same-user' | 'token' | 'none'
  /** Given by file or environment; null in token mode = one is made. */
  readonly token: string | null
  /** File of the tokens of several people; null = there are none. */
  readonly tokensFile: string | null
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly basePath: string
  readonly approvalTimeoutMs: number | null
  readonly agentIdleTimeoutMs: number
  /** Sessions are deleted so long after their last event; null = never. */
  readonly retainMs: number | null
  readonly maxRunningTasks: number
  readonly maxLiveAgents: number
  readonly maxQueuedTasks: number
  readonly maxSseClients: number
  readonly bodyBytes: number
  readonly taskBodyBytes: number
  readonly parentWatch: 'auto' | 'stdin' | 'off'
  readonly metrics: boolean
  readonly offline: boolean
  readonly offlineScenario: string | null
  readonly sharedAllowed: boolean
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Executables by wire name of the runtime. */
  readonly executables: ReadonlyMap<string, string>
  /** The daemon's own files outside the data directory: its configuration, its token. */
  readonly privateFiles: readonly string[]
  /** Agents beside the ones we know, by command. */
  readonly agents: readonly AgentEntry[]
  /** Tools that the daemon runs itself. */
  readonly tools: readonly ToolEntry[]
  /** MCP servers that the daemon reaches itself, for all sessions. */
  readonly mcpServers: readonly McpServerEntry[]
}

/** What the command line asks for. */
export type Invocation = { readonly command: 'help' | 'version' } | (Order & { readonly config: Config })

/**
 * Reads argv, environment and config file. `environmentToken` is what `takeEnvironmentToken` found.
 * Throws `StartFailure` (exit 2) with one clear line.
 */
export function readInvocation(argv: readonly string[], env: NodeJS.ProcessEnv, environmentToken: string | null = null): Invocation {
  const { values, positionals } = parseFlags(argv)
  if (values['help'] === true) return { command: 'help' }
  if (values['version'] === true) return { command: 'version' }
  const { config, recover, help: _help, version: _version, json, namespace, variable, endpoint, speed, step, ...flags } = values
  const order = toOrder(positionals, { json, namespace, variable, endpoint, speed, step })
  const explicit = typeof config === 'string' ? config : env['CODESDKD_CONFIG'] || undefined
  const usual = join(baseDirectory(env, 'XDG_CONFIG_HOME', '.config'), 'codesdkd', 'config.json')
  const path = explicit ?? usual
  const { agents, namespaces, tools, 'mcp-servers': mcpServers, ...file } = readConfigFile(path, explicit !== undefined)
  const settings = { ...check(file, 'config file key'), ...check(readEnvironment(env), 'environment'), ...check(flags, 'flag') }
  const privateFiles = [usual, path, ...[settings['token-file'], settings.tokens].filter((one) => one !== undefined)].map((one) =>
    resolve(one),
  )
  const own = {
    agents: toAgents(agents, settings.agent),
    namespaces: toNamespaceGrants(namespaces),
    tools: toTools(tools, env),
    mcpServers: toMcpServers(mcpServers, env),
    privateFiles,
    recover: recover === true,
  }
  return { ...order, config: { ...toConfig(settings, env, environmentToken), ...own } }
}

function parseFlags(argv: readonly string[]): { readonly values: Record<string, unknown>; readonly positionals: readonly string[] } {
  const known = Object.entries(options).map(([name, option]) => [
    name,
    { type: option.value === null ? ('boolean' as const) : ('string' as const), multiple: 'many' in option },
  ])
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ...Object.fromEntries(known),
        hostname: { type: 'string' },
        config: { type: 'string' },
        recover: { type: 'boolean' },
        json: { type: 'boolean' },
        namespace: { type: 'string' },
        variable: { type: 'string' },
        endpoint: { type: 'string' },
        speed: { type: 'string' },
        step: { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    return fail(`${error instanceof Error ? error.message.split('. ')[0] : String(error)}; try: codesdkd --help`)
  }
}

function readConfigFile(path: string, mustExist: boolean): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (!mustExist && isMissing(error)) return {}
    return fail(`cannot read the config file ${path}`)
  }
  try {
    const parsed = z.record(z.string(), z.unknown()).parse(JSON.parse(text))
    return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key.replaceAll('_', '-'), value]))
  } catch {
    return fail(`the config file ${path} is not a JSON object`)
  }
}

function readEnvironment(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const found = Object.keys(options).map((name) => [name, env[`CODESDKD_${name.toUpperCase().replaceAll('-', '_')}`]] as const)
  return Object.fromEntries(found.filter(([, value]) => value !== undefined && value !== ''))
}

function check(values: Record<string, unknown>, source: string): Settings {
  const checked: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(values)) {
    const name = key === 'hostname' ? 'host' : key
    const option = table.get(name)
    if (option === undefined) return fail(`unknown ${source} ${JSON.stringify(key)}; try: codesdkd --help`)
    const result = option.schema.safeParse(value)
    if (!result.success) fail(`${source} ${key}: ${result.error.issues[0]?.message ?? 'is not valid'}`)
    checked[name] = result.data
  }
  return checked
}

function toConfig(
  settings: Settings,
  env: NodeJS.ProcessEnv,
  environmentToken: string | null,
): Omit<Config, 'agents' | 'namespaces' | 'tools' | 'mcpServers' | 'privateFiles' | 'recover'> {
  const host = settings.host ?? '127.0.0.1'
  const token = readToken(settings['token-file'], environmentToken)
  const tokensFile = settings.tokens === undefined ? null : resolve(settings.tokens)
  const given = token !== null || tokensFile !== null
  const socket = settings.listen !== undefined
  const auth = settings.auth ?? (given || socket || !canTellUser() ? 'token' : 'same-user')
  const listen =
    settings.listen === undefined ? { host, port: settings.port ?? 0 } : { path: resolve(settings.listen.slice('unix:'.length)) }
  if (auth === 'same-user' && (socket || !canTellUser()))
    fail('--auth same-user: the system does not tell who is at the other end of this connection; use token or none')
  if (given && auth !== 'token') fail(`a token was given, but --auth is ${auth}`)
  if ('host' in listen && !isLoopback(host) && auth !== 'token')
    fail(`refusing to listen on ${host} without a token; use --token-file or --auth token`)
  const scenario = settings['offline-scenario']
  if (scenario !== undefined && !isReadable(scenario)) fail(`cannot read the scenario file ${scenario}`)
  return {
    listen,
    dataDir: resolve(settings['data-dir'] ?? join(baseDirectory(env, 'XDG_STATE_HOME', '.local/state'), 'codesdkd')),
    workspaceRoots: (settings['workspace-root'] ?? []).map((root) => resolve(root)),
    runtimes: settings.runtimes?.flatMap((names) => names.split(',')).map(toRuntimeName) ?? null,
    defaultRuntime: toRuntimeName(settings['default-runtime'] ?? 'codex-sdk'),
    ...toPermissionModes(settings),
    sandbox: settings.sandbox ?? 'auto',
    writableRoots: (settings['writable-root'] ?? []).map((root) => resolve(root)),
    readableRoots: (settings['readable-root'] ?? []).map((root) => resolve(root)),
    networkAllow: settings['network-allow'] ?? [],
    auth,
    token,
    tokensFile,
    allowedHosts: settings['allow-host'] ?? [],
    allowedOrigins: settings['allow-origin'] ?? [],
    basePath: (settings['base-path'] ?? '').replace(/\/$/, ''),
    approvalTimeoutMs: toMs(settings['approval-timeout']) ?? null,
    retainMs: settings.retain ?? null,
    agentIdleTimeoutMs: toMs(settings['agent-idle-timeout']) ?? 300_000,
    maxRunningTasks: settings['max-running-tasks'] ?? 32,
    maxLiveAgents: settings['max-live-agents'] ?? 32,
    maxQueuedTasks: settings['max-queued-tasks'] ?? 64,
    maxSseClients: settings['max-sse-clients'] ?? 2_000,
    bodyBytes: settings['max-body-bytes'] ?? 1024 ** 2,
    taskBodyBytes: settings['max-task-body-bytes'] ?? 8 * 1024 ** 2,
    parentWatch: settings['parent-watch'] ?? 'auto',
    metrics: settings.metrics ?? false,
    offline: settings.offline ?? false,
    offlineScenario: scenario ?? null,
    sharedAllowed: !(settings['no-shared'] ?? false),
    logLevel: settings['log-level'] ?? 'info',
    executables: toExecutables(settings),
  }
}

/** Executables that were named, by wire name. */
function toExecutables(settings: Settings): ReadonlyMap<string, string> {
  const { 'codex-bin': codex, 'claude-bin': claude, 'gemini-bin': gemini, 'opencode-bin': opencode } = settings
  const named = Object.entries({ codex, claude, gemini, opencode })
  return new Map(named.flatMap(([alias, path]) => (path === undefined ? [] : [[toRuntimeName(alias), resolve(path)] as const])))
}

/** The default stays within the maximum, so that a request which chooses nothing is never refused. */
function toPermissionModes(settings: Settings): Pick<Config, 'defaultPermissionMode' | 'maxPermissionMode'> {
  const { 'default-permission-mode': wish, 'max-permission-mode': most = 'yolo' } = settings
  const rising = ['ask', 'auto', 'yolo']
  const above = rising.indexOf(wish ?? 'auto') > rising.indexOf(most)
  if (wish !== undefined && above) fail(`the default permission mode ${wish} is above the maximum, ${most}`)
  return { defaultPermissionMode: above ? most : (wish ?? 'auto'), maxPermissionMode: most }
}

/** A base directory of the XDG specification, which ignores relative ones: they would depend on where the daemon happens to start. */
function baseDirectory(env: NodeJS.ProcessEnv, name: 'XDG_CONFIG_HOME' | 'XDG_STATE_HOME', fallback: string): string {
  const given = env[name]
  return given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), fallback)
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function toMs(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000)
}

/** Only Linux tells which user and which process holds the other end of a TCP connection; of a Unix socket nobody does. */
function canTellUser(): boolean {
  return process.platform === 'linux'
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
