import type { PermissionMode } from '@codesdkd/protocol'
import * as z from 'zod'
import type { ApprovalPolicy } from './state.ts'
import { processMark } from '../process.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, variableName } from '../runtime-config.ts'

/** The model provider that a session of the daemon uses when it does not use Codex's own. */
const providerId = 'codesdkd'

/** The environment variable that only the agent's commands carry, not the agent itself. */
export const commandMark = 'CODESDKD_COMMAND'

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

/** Where commands run: behind the daemon's wall or not, and their directory for temporary files. */
export interface Confines {
  readonly walled: boolean
  readonly scratch: string
}

export interface Permissions {
  readonly policy: ApprovalPolicy
  readonly sandbox: string
  readonly sandboxPolicy: object
}

/** What a permission mode means to Codex. */
export function toPermissions(mode: PermissionMode, { walled, scratch }: Confines): Permissions {
  // Codex's own sandbox cannot be set up inside another one: every command would fail, and the turn still end well.
  if (walled) {
    const open = { sandbox: 'danger-full-access', sandboxPolicy: { type: 'externalSandbox', networkAccess: 'enabled' } }
    // Under `on-request` Codex would run what wants to leave the workspace without a word, and let it fail.
    return { policy: mode === 'yolo' ? 'never' : 'untrusted', ...open }
  }
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

export interface ArgumentsOptions {
  readonly cwd: string
  readonly trustWorkspace: boolean
  readonly model: string | undefined
  readonly reasoningEffort: string | undefined
  /** Settings of the model provider; null for Codex's own. */
  readonly provider: Readonly<Record<string, unknown>> | null
  /** Names this agent in the environment of its commands. */
  readonly mark: string
}

/** The arguments of one app-server: what depends on the session. They are visible to all, so no secret is among them. */
export function toArguments({ cwd, trustWorkspace, model, reasoningEffort, provider, mark }: ArgumentsOptions): readonly string[] {
  const settings: Record<string, unknown> = {
    model,
    model_reasoning_effort: reasoningEffort,
    // What a repository brings along must not configure the agent that works on it, unless the session says so.
    projects: { [cwd]: { trust_level: trustWorkspace ? 'trusted' : 'untrusted' } },
    'shell_environment_policy.inherit': 'all',
    'shell_environment_policy.ignore_default_excludes': true,
    // What is Codex's own affair would only mislead a Codex that a command starts.
    'shell_environment_policy.exclude': ['CODEX_*'],
    'shell_environment_policy.set': { [processMark]: mark, [commandMark]: mark },
    ...(provider === null ? {} : { model_provider: providerId, ...prefixed(`model_providers.${providerId}`, provider) }),
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : ['-c', `${key}=${toToml(value)}`]))
  return ['app-server', ...flags]
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
