import * as path from 'node:path'
import { Problem, capabilities } from '@codesdkd/protocol'
import type { AuthStatus, Capabilities } from '@codesdkd/protocol'
import type { Runtime, RuntimeEnv } from '../../core/ports.ts'
import { createAcpRuntime } from './acp.ts'
import type { AgentEntry } from './agent-config.ts'
import { configuredConfig, hasLogin, prepareConfigured } from './configured-launch.ts'
import type { ConfiguredConfig } from './configured-launch.ts'
import type { AcpProfile } from './profile.ts'
import { findOnPath } from '../executable.ts'
import type { ExecutableOptions } from '../executable.ts'
import { parseRuntimeConfig } from '../runtime-config.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** An agent of the configuration, in the form of the table of runtimes. Nothing of it is ours to install or to log in to. */
export function toSupportedRuntime(entry: AgentEntry): {
  readonly create: (options: RuntimeOptions) => Runtime
  readonly findExecutable: (options: ExecutableOptions) => Promise<string | null>
  readonly packages: readonly string[]
  readonly login: null
} {
  return {
    create: (options) => createAcpRuntime(toProfile(entry), options),
    findExecutable: ({ configured, searchPath }) => findCommand(configured ?? entry.command, searchPath),
    packages: [],
    login: null,
  }
}

function findCommand(command: string, searchPath: string): Promise<string | null> {
  // A name that holds a directory is looked for there and nowhere else, and from the daemon's own directory never.
  if (path.isAbsolute(command)) return findOnPath(path.basename(command), path.dirname(command))
  return command.includes(path.sep) ? Promise.resolve(null) : findOnPath(command, searchPath)
}

function toProfile(entry: AgentEntry): AcpProfile<ConfiguredConfig> {
  const { name, credential_variables: credentialVariables, mode, after_denial: after } = entry
  return {
    name,
    displayName: name,
    capabilities: toCapabilities(entry),
    credentialVariables,
    toKeyEndpoints: () => (entry.base_url === undefined ? [] : [entry.base_url]),
    homeVariables: [],
    parseConfig: (config) => parseConfig(entry, config),
    // How an agent that nobody knows takes `--version` is not known either.
    versionPattern: entry.version_pattern === undefined ? null : new RegExp(entry.version_pattern),
    readAuth: (env) => readAuth(entry, env),
    prepare: (context) => prepareConfigured(entry, context),
    toMode: () => mode ?? null,
    denial: { after },
  }
}

/** Only what the entry says how to tell the agent can be configured. Throws `Problem('invalid_request')`. */
function parseConfig(entry: AgentEntry, config: Readonly<Record<string, unknown>>): ConfiguredConfig {
  const parsed = parseRuntimeConfig(configuredConfig, config)
  const missing = [
    ...(parsed.base_url !== undefined && entry.base_url_variable === undefined ? ['base_url'] : []),
    ...(parsed.env_key !== undefined && entry.key_variable === undefined ? ['env_key'] : []),
  ]
  if (missing.length === 0) return parsed
  throw new Problem('invalid_request', `runtimeConfig: the entry of ${entry.name} names no variable for ${missing.join(' and ')}.`, {
    members: { allowed: Object.keys(configuredConfig.shape).filter((field) => !missing.includes(field)) },
  })
}

async function readAuth(entry: AgentEntry, env: RuntimeEnv): Promise<Omit<AuthStatus, 'ok' | 'runtime'>> {
  const { name, credential_variables, base_url_variable } = entry
  const status = { auth_model: 'login_or_api_key' } as const
  if (env.offlineUrl !== null && base_url_variable !== undefined) return { ...status, logged_in: true, account_label: 'offline model' }
  if (credential_variables.some((variable) => (env.credentials[variable] ?? '') !== ''))
    return { ...status, logged_in: true, account_label: 'API key' }
  if (await hasLogin(entry, env)) return { ...status, logged_in: true, account_label: `${name} login` }
  const variables = credential_variables.length === 0 ? '' : `, or set ${credential_variables.join(' or ')}`
  return { ...status, logged_in: false, login_hint: `Log in to ${name} with its own command${variables}.` }
}

/** What holds of every agent that keeps to the protocol; what it offers beyond is found out when it starts. */
function toCapabilities(entry: AgentEntry): Capabilities {
  const { name, models, capabilities: known } = entry
  return capabilities.parse({
    supports_streaming: true,
    supports_tool_calls: true,
    supports_parallel_tool_calls: false,
    supports_stop: true,
    supports_artifacts: true,
    supports_session_create: true,
    supports_session_resume: false,
    supports_usage_reporting: false,
    supports_non_interactive: true,
    supports_steer: false,
    supports_questions: false,
    supports_host_tools: true,
    supports_attachments: false,
    supports_deny_reason: false,
    supports_output_schema: 'validated',
    confinement: 'tool_paths',
    max_outstanding_tool_calls: null,
    auth_model: 'login_or_api_key',
    tool_execution_model: 'runtime',
    permission_model: 'request',
    state_model: 'runtime_owned',
    resume_model: 'transcript',
    tool_replay_safety: 'never_replayed',
    mcp_support: 'native',
    mcp_transports: ['stdio'],
    cancellation_model: 'interrupt',
    supported_isolation_modes: ['subprocess'],
    recommended_isolation_mode: 'subprocess',
    ...known,
    runtime: name,
    ...(models === undefined ? {} : { models }),
    notes: [
      'Beyond what the configuration says, these flags are what every agent of the protocol can do; resuming, questions, images and MCP servers over HTTP are used where this one says that it can.',
      'What it asks about is its own affair: a call that it runs without asking is reported, not held back.',
      'Its own settings, and those that the workspace carries for it, are not kept from it.',
      ...toKeyNotes(entry),
    ],
  })
}

/** Where its key cannot be kept from it. */
function toKeyNotes({ base_url_variable, base_url }: AgentEntry): readonly string[] {
  if (base_url !== undefined) return []
  const when = base_url_variable === undefined ? 'Its' : 'Where a session names no base_url, its'
  return [`${when} key is in its environment, and so in that of its commands unless it removes it.`]
}
