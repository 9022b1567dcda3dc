import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { permissionMode } from '@codesdkd/protocol'
import { StartFailure } from './core/start-failure.ts'
import { readToken } from './token.ts'

/** Names of runtimes that people type -> their names on the wire. */
export const runtimeAliases: ReadonlyMap<string, string> = new Map([
  ['codex', 'codex-sdk'],
  ['claude', 'claude-agent-sdk'],
  ['gemini', 'gemini-cli-core'],
  ['opencode', 'opencode-server'],
])

// Coercion would take an empty text for 0.
const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ],
  { error: 'must be a number' },
)
const port = number.pipe(z.int().min(0).max(65_535))
const seconds = number.pipe(z.number().positive().max(2_147_483))
const count = number.pipe(z.int().min(1))
const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })
const list = z.union([
  z.array(z.string().min(1)),
  z
    .string()
    .min(1)
    .transform((text) => text.split(',').map((part) => part.trim())),
])

interface Option {
  readonly schema: z.ZodType
  /** Shown in the usage text; `null` for a switch. */
  readonly value: string | null
  readonly help: string
  readonly many?: true
}

/**
 * Every setting, once: flag `--name`, environment `CODESDKD_NAME`, key `name` of the config file (with _ for -).
 * The usage text and the parser come from this table.
 */
export const options = {
  host: { schema: z.string().min(1), value: '<address>', help: 'address to listen on (127.0.0.1)' },
  port: { schema: port, value: '<n>', help: 'port to listen on; 0 lets the system choose (0)' },
  listen: { schema: z.string().regex(/^unix:.+/, 'must be unix:<path>'), value: 'unix:<path>', help: 'listen on a Unix socket instead' },
  'data-dir': { schema: z.string().min(1), value: '<dir>', help: 'where everything is kept ($XDG_STATE_HOME/codesdkd)' },
  'workspace-root': { schema: list, value: '<dir>', help: 'confine sessions to this folder; repeatable', many: true },
  runtimes: { schema: list, value: '<names>', help: 'runtimes to offer, separated by commas (all)', many: true },
  'default-runtime': { schema: z.string().min(1), value: '<name>', help: 'runtime of sessions that name none (codex-sdk)' },
  'default-permission-mode': { schema: permissionMode, value: '<mode>', help: 'auto, ask or yolo (auto)' },
  'max-permission-mode': { schema: permissionMode, value: '<mode>', help: 'the most that a request may choose: ask < auto < yolo (yolo)' },
  auth: { schema: z.enum(['same-user', 'token', 'none']), value: '<how>', help: 'who may connect: same-user, token or none' },
  'token-file': { schema: z.string().min(1), value: '<file>', help: 'file (mode 0600) with the bearer token; switches token mode on' },
  'allow-host': { schema: list, value: '<host>', help: 'further value of the Host header; repeatable', many: true },
  'allow-origin': { schema: list, value: '<origin>', help: 'origin that may call from a browser; repeatable', many: true },
  'base-path': {
    schema: z.string().regex(/^(\/[A-Za-z0-9._~-]+)*\/?$/, 'must be a path such as /codesdkd'),
    value: '<path>',
    help: 'path prefix under which a proxy shows the daemon',
  },
  'approval-timeout': { schema: seconds, value: '<seconds>', help: 'deny what nobody decides for so long (never)' },
  'agent-idle-timeout': { schema: seconds, value: '<seconds>', help: 'close an agent that has had no task for so long (300)' },
  'max-running-tasks': { schema: count, value: '<n>', help: 'tasks that run at once; others wait (32)' },
  'max-queued-tasks': { schema: count, value: '<n>', help: 'tasks that wait in one session; more are refused (64)' },
  'max-sse-clients': { schema: count, value: '<n>', help: 'open event streams; more are refused (2000)' },
  'max-body-bytes': { schema: count, value: '<n>', help: 'largest request body (1048576)' },
  'max-task-body-bytes': { schema: count, value: '<n>', help: 'largest request body of a task (8388608)' },
  'parent-watch': {
    schema: z.enum(['auto', 'stdin', 'off']),
    value: '<how>',
    help: 'end with the process that started this one: auto, stdin or off (auto)',
  },
  metrics: { schema: flag, value: null, help: 'serve Prometheus metrics at /metrics' },
  offline: { schema: flag, value: null, help: 'play the offline model to every agent: no login, no network' },
  'offline-scenario': { schema: z.string().min(1), value: '<file>', help: 'scenario file for --offline (the demo)' },
  'no-shared': { schema: flag, value: null, help: "never use the user's own logins: every namespace is private" },
  'log-level': {
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    value: '<level>',
    help: 'debug, info, warn, error or silent (info)',
  },
  'codex-bin': { schema: z.string().min(1), value: '<file>', help: 'the Codex executable' },
} as const satisfies Record<string, Option>

const table: ReadonlyMap<string, Option> = new Map(Object.entries(options))
type Settings = { readonly [N in keyof typeof options]?: z.infer<(typeof options)[N]['schema']> }

/** Everything the daemon was told, with defaults filled in. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number } | { readonly path: string }
  readonly dataDir: string
  readonly workspaceRoots: readonly string[]
  /** Wire names; null = all there are. */
  readonly runtimes: readonly string[] | null
  readonly defaultRuntime: string
  readonly defaultPermissionMode: 'auto' | 'ask' | 'yolo'
  readonly maxPermissionMode: 'auto' | 'ask' | 'yolo'
  readonly auth: 'same-user' | 'token' | 'none'
  /** Given by file or environment; null in token mode = one is made. */
  readonly token: string | null
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly basePath: string
  readonly approvalTimeoutMs: number | null
  readonly agentIdleTimeoutMs: number
  readonly maxRunningTasks: number
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
}

export const usage = `usage: codesdkd [serve] [options]

One local HTTP daemon for coding agents. Prints {"url":"http://127.0.0.1:12345"} when it is ready; logs go to stderr.

${Object.entries(options)
  .map(([name, { value, help }]) => `  ${`--${name}${value === null ? '' : ` ${value}`}`.padEnd(38)} ${help}`)
  .join('\n')}
  --config <file>                        config file ($XDG_CONFIG_HOME/codesdkd/config.json)
  --version                              print the version
  --help                                 print this

Each option is also an environment variable (--data-dir: CODESDKD_DATA_DIR) and a key of the config file ("data_dir").
A flag wins over the environment, the environment over the file.
`

/** What the command line asks for. */
export type Invocation = { readonly command: 'help' | 'version' } | { readonly command: 'serve'; readonly config: Config }

/**
 * Reads argv, environment and config file. `environmentToken` is what `takeEnvironmentToken` found.
 * Throws `StartFailure` (exit 2) with one clear line.
 */
export function readInvocation(argv: readonly string[], env: NodeJS.ProcessEnv, environmentToken: string | null = null): Invocation {
  const { values, positionals } = parseFlags(argv)
  if (values['help'] === true) return { command: 'help' }
  if (values['version'] === true) return { command: 'version' }
  const [command = 'serve', extra] = positionals
  if (command !== 'serve') fail(`unknown command ${JSON.stringify(command)}; try: codesdkd --help`)
  if (extra !== undefined) fail(`unexpected argument ${JSON.stringify(extra)}; try: codesdkd --help`)
  const { config, help: _help, version: _version, ...flags } = values
  const file = readConfigFile(typeof config === 'string' ? config : env['CODESDKD_CONFIG'] || undefined, env)
  const settings = { ...check(file, 'config file key'), ...check(readEnvironment(env), 'environment'), ...check(flags, 'flag') }
  return { command: 'serve', config: toConfig(settings, env, environmentToken) }
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
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    return fail(`${error instanceof Error ? error.message.split('. ')[0] : String(error)}; try: codesdkd --help`)
  }
}

function readConfigFile(explicit: string | undefined, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const path = explicit ?? join(baseDirectory(env, 'XDG_CONFIG_HOME', '.config'), 'codesdkd', 'config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (explicit === undefined && isMissing(error)) return {}
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

function toConfig(settings: Settings, env: NodeJS.ProcessEnv, environmentToken: string | null): Config {
  const host = settings.host ?? '127.0.0.1'
  const token = readToken(settings['token-file'], environmentToken)
  const socket = settings.listen !== undefined
  const auth = settings.auth ?? (token !== null || socket || !canTellUser() ? 'token' : 'same-user')
  const listen =
    settings.listen === undefined ? { host, port: settings.port ?? 0 } : { path: resolve(settings.listen.slice('unix:'.length)) }
  if (auth === 'same-user' && (socket || !canTellUser()))
    fail('--auth same-user: the system does not tell who is at the other end of this connection; use token or none')
  if (token !== null && auth !== 'token') fail(`a token was given, but --auth is ${auth}`)
  if ('host' in listen && !isLoopback(host) && auth !== 'token')
    fail(`refusing to listen on ${host} without a token; use --token-file or --auth token`)
  const codex = settings['codex-bin']
  const scenario = settings['offline-scenario']
  if (scenario !== undefined && !isReadable(scenario)) fail(`cannot read the scenario file ${scenario}`)
  return {
    listen,
    dataDir: resolve(settings['data-dir'] ?? join(baseDirectory(env, 'XDG_STATE_HOME', '.local/state'), 'codesdkd')),
    workspaceRoots: (settings['workspace-root'] ?? []).map((root) => resolve(root)),
    runtimes: settings.runtimes?.flatMap((names) => names.split(',')).map(toName) ?? null,
    defaultRuntime: toName(settings['default-runtime'] ?? 'codex-sdk'),
    ...toPermissionModes(settings),
    auth,
    token,
    allowedHosts: settings['allow-host'] ?? [],
    allowedOrigins: settings['allow-origin'] ?? [],
    basePath: (settings['base-path'] ?? '').replace(/\/$/, ''),
    approvalTimeoutMs: toMs(settings['approval-timeout']) ?? null,
    agentIdleTimeoutMs: toMs(settings['agent-idle-timeout']) ?? 300_000,
    maxRunningTasks: settings['max-running-tasks'] ?? 32,
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
    executables: new Map(codex === undefined ? [] : [['codex-sdk', resolve(codex)]]),
  }
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

function toName(name: string): string {
  return runtimeAliases.get(name) ?? name
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
