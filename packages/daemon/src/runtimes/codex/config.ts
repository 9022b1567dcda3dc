import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import type { PermissionMode } from '@codesdkd/protocol'
import * as z from 'zod'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { ApprovalPolicy } from './state.ts'
import { linkLogin } from '../login-file.ts'
import { processMark } from '../process.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, toTokenVariables, variableName } from '../runtime-config.ts'
import type { McpServer } from '../runtime-config.ts'

/** The model provider that a session of the daemon uses when it does not use Codex's own. */
export const providerId = 'codesdkd'

/** The environment variable that only the agent's commands carry, not the agent itself. */
export const commandMark = 'CODESDKD_COMMAND'

export const credentialVariables = ['OPENAI_API_KEY', 'CODEX_API_KEY'] as const

const runtimeConfig = z.strictObject({
  reasoning_effort: z
    .string()
    .regex(/^[a-z]{1,16}$/)
    .optional(),
  base_url: baseUrl.optional(),
  env_key: variableName.optional(),
  stream_idle_timeout_ms: z.int().min(100).max(3_600_000).optional(),
  max_retries: z.int().min(0).max(100).optional(),
  mcp_servers: mcpServers.optional(),
})
export type CodexConfig = z.infer<typeof runtimeConfig>

/** Checks a `runtimeConfig`; camelCase names are accepted too. Throws `Problem('invalid_request')`. */
export function parseCodexConfig(config: Readonly<Record<string, unknown>>): CodexConfig {
  return parseRuntimeConfig(runtimeConfig, config)
}

/** What a permission mode means to Codex; `scratch` is where commands may put temporary files. */
export function toPermissions(
  mode: PermissionMode,
  scratch: string,
): { readonly policy: ApprovalPolicy; readonly sandbox: string; readonly sandboxPolicy: object } {
  // Other sessions may work under the system's temporary directory: it is no place for this one to write.
  const workspace = {
    type: 'workspaceWrite',
    writableRoots: [scratch],
    networkAccess: false,
    excludeTmpdirEnvVar: true,
    excludeSlashTmp: true,
  }
  switch (mode) {
    case 'ask':
      return { policy: 'untrusted', sandbox: 'workspace-write', sandboxPolicy: workspace }
    case 'auto':
      return { policy: 'on-request', sandbox: 'workspace-write', sandboxPolicy: workspace }
    case 'yolo':
      return { policy: 'never', sandbox: 'danger-full-access', sandboxPolicy: { type: 'dangerFullAccess' } }
    default:
      return mode satisfies never
  }
}

/** The directory of the user's own Codex. */
export function toUserHome({ variables }: RuntimeEnv): string | null {
  const home = variables['HOME']
  return variables['CODEX_HOME'] ?? (home === undefined ? null : path.join(home, '.codex'))
}

/**
 * Makes the home hold our settings and, when shared, the user's login; and nothing else that could widen what Codex may do.
 * Rules and hooks that an earlier, less confined session may have left there are removed. Returns a new directory for temporary files.
 */
export async function prepareHome(env: RuntimeEnv, mark: string): Promise<string> {
  await mkdir(env.home, { recursive: true, mode: 0o700 })
  // Codex writes the conversations into it, readable to all.
  await chmod(env.home, 0o700)
  await Promise.all(
    ['rules', 'hooks.json', 'hooks', 'config.toml.d'].map((name) => rm(path.join(env.home, name), { recursive: true, force: true })),
  )
  const draft = path.join(env.home, `.config.toml.${mark}`)
  await writeFile(draft, settingsFile, { mode: 0o600 })
  await rename(draft, path.join(env.home, 'config.toml'))
  const userHome = toUserHome(env)
  if (env.shared && userHome !== null && path.resolve(userHome) !== path.resolve(env.home))
    await linkLogin(path.join(userHome, 'auth.json'), path.join(env.home, 'auth.json'))
  const scratch = path.join(env.home, 'scratch', mark)
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  return scratch
}

const settingsFile = `# Written by codesdkd at every start of an agent; changes are lost.
check_for_update_on_startup = false
cli_auth_credentials_store = "file"

[analytics]
enabled = false

[feedback]
enabled = false

[features]
# Nothing may be fetched, run or asked that the daemon does not know of.
plugins = false
apps = false
hooks = false
goals = false
memories = false
skill_mcp_dependency_install = false
# What is typed into a running terminal is never asked about.
unified_exec_tty = false
# Otherwise the model may ask the person only while it plans.
default_mode_request_user_input = true
# Otherwise a refused connection is retried for ever.
unbounded_connection_retries = false

[agents]
enabled = false

[tools.update_plan]
enabled = true
`

export interface LaunchOptions {
  readonly env: RuntimeEnv
  readonly cwd: string
  readonly trustWorkspace: boolean
  readonly model: string | null
  readonly config: CodexConfig
  /** Whether the home holds a login; without one a key of the environment is used. */
  readonly loggedIn: boolean
  /** Names this agent in the environment of its commands. */
  readonly mark: string
  /** Where they may put temporary files. */
  readonly scratch: string
}

/** The arguments of one app-server: what depends on the session. They are visible to all, so no secret is among them. */
export function toArguments({ env, cwd, trustWorkspace, model, config, loggedIn, mark, scratch }: LaunchOptions): readonly string[] {
  const provider = toProvider(env, config, loggedIn)
  const named = [...(config.env_key === undefined ? [] : [config.env_key]), ...toTokenVariables(config.mcp_servers)]
  const hidden = [...credentialVariables, ...named, 'CODEX_*']
  const settings: Record<string, unknown> = {
    model: model ?? (env.offlineUrl === null ? undefined : 'gpt-5.5'),
    model_reasoning_effort: config.reasoning_effort,
    // What a repository brings along must not configure the agent that works on it, unless the session says so.
    projects: { [cwd]: { trust_level: trustWorkspace ? 'trusted' : 'untrusted' } },
    'shell_environment_policy.inherit': 'all',
    'shell_environment_policy.ignore_default_excludes': true,
    'shell_environment_policy.exclude': hidden,
    'shell_environment_policy.set': { [processMark]: mark, [commandMark]: mark, TMPDIR: scratch },
    ...(provider === null ? {} : { model_provider: providerId, ...prefixed(`model_providers.${providerId}`, provider) }),
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : ['-c', `${key}=${toToml(value)}`]))
  return ['app-server', ...flags]
}

function toProvider(env: RuntimeEnv, config: CodexConfig, loggedIn: boolean): Record<string, unknown> | null {
  const common = {
    wire_api: 'responses',
    request_max_retries: config.max_retries,
    stream_max_retries: config.max_retries,
    stream_idle_timeout_ms: config.stream_idle_timeout_ms,
  }
  if (config.base_url !== undefined) return { ...common, name: 'custom', base_url: config.base_url, env_key: config.env_key }
  if (env.offlineUrl !== null) {
    const bounds = {
      request_max_retries: config.max_retries ?? 1,
      stream_max_retries: config.max_retries ?? 1,
      stream_idle_timeout_ms: config.stream_idle_timeout_ms ?? 15_000,
    }
    return { ...common, ...bounds, name: 'offline model', base_url: `${env.offlineUrl}/v1` }
  }
  // Codex's own provider takes a key only from a login; one of our own takes it from the environment.
  const key = loggedIn ? undefined : (config.env_key ?? credentialVariables.find((name) => (env.variables[name] ?? '') !== ''))
  return key === undefined ? null : { ...common, name: 'OpenAI', base_url: 'https://api.openai.com/v1', env_key: key }
}

function prefixed(prefix: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]))
}

/** A value in TOML, on one line. JSON's strings, numbers and arrays of them are TOML as well; its objects are not. */
function toToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([key, part]) => `${JSON.stringify(key)} = ${toToml(part)}`)
    .join(', ')} }`
}

/** Less than an agent as a whole may take to start. */
const serverStartSeconds = 25

/** An MCP server in Codex's own words. */
export function toCodexServer(server: McpServer): object {
  const startup_timeout_sec = serverStartSeconds
  if (!('url' in server)) return { ...server, startup_timeout_sec }
  const { headers, ...rest } = server
  return { ...rest, ...(headers === undefined ? {} : { http_headers: headers }), startup_timeout_sec }
}
