import { chmod, rm } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'
import type { RuntimeEnv, SessionSpec } from '../../core/ports.ts'
import { makeDirectory } from '../own-files.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, variableName } from '../runtime-config.ts'

/** The variable that Claude Code's commands carry and its MCP servers do not: its own process id. */
export const commandMark = 'CLAUDE_PID'

const runtimeConfig = z.strictObject({
  reasoning_effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
  base_url: baseUrl.optional(),
  env_key: variableName.optional(),
  // Claude Code takes no less than 10 s.
  stream_idle_timeout_ms: z.int().min(10_000).max(1_800_000).optional(),
  max_retries: z.int().min(0).max(100).optional(),
  mcp_servers: mcpServers.optional(),
})
export type ClaudeConfig = z.infer<typeof runtimeConfig>

/** Checks a `runtimeConfig`; camelCase names are accepted too. Throws `Problem('invalid_request')`. */
export function parseClaudeConfig(config: Readonly<Record<string, unknown>>): ClaudeConfig {
  return parseRuntimeConfig(runtimeConfig, config)
}

/** Makes the home. Returns a new directory for temporary files. Only while no agent runs in it. */
export async function prepareHome({ home }: RuntimeEnv, mark: string): Promise<string> {
  await makeDirectory(home)
  await chmod(home, 0o700)
  return await makeDirectory(home, 'scratch', mark)
}

/** Removes the directory for temporary files, and nothing that an agent has put in the place of the one above it. */
export async function clearScratch({ home }: RuntimeEnv, mark: string): Promise<void> {
  await rm(path.join(await makeDirectory(home, 'scratch'), mark), { recursive: true, force: true })
}

/**
 * Tools that would change the rules or the place of the session (plan mode, worktrees), or start turns that nobody asked for
 * (monitors, schedules, workflows). They are not offered to the model.
 */
const withheld = [
  'CronCreate',
  'CronDelete',
  'CronList',
  'EnterPlanMode',
  'EnterWorktree',
  'ExitPlanMode',
  'ExitWorktree',
  'Monitor',
  'ScheduleWakeup',
  'Workflow',
]

/**
 * What a workspace may not bring even if it is trusted, because it would go past the question: a hook can answer it, or change
 * what was asked about, and a skill can run commands while it is read. The daemon's own hook is none of these: it still runs.
 */
const restrictions = { disableAllHooks: true, disableSkillShellExecution: true }

/** The arguments of one process: what depends on the session. They are visible to all, so no secret is among them. */
export function toArguments(
  { model, trustWorkspace }: Pick<SessionSpec, 'model' | 'trustWorkspace'>,
  { reasoning_effort }: ClaudeConfig,
  conversation: { readonly id: string; readonly resumed: boolean },
): readonly string[] {
  return [
    '--output-format=stream-json',
    '--input-format=stream-json',
    '--verbose',
    '--include-partial-messages',
    '--permission-prompt-tool=stdio',
    '--permission-mode=default',
    '--await-initialize',
    `--settings=${JSON.stringify(restrictions)}`,
    // What a repository brings along must not configure the agent that works on it, unless the session says so; what the user configured, never.
    ...(trustWorkspace ? ['--setting-sources=project,local'] : ['--setting-sources=', '--strict-mcp-config']),
    `--disallowed-tools=${withheld.join(',')}`,
    ...(model === null ? [] : [`--model=${model}`]),
    ...(reasoning_effort === undefined ? [] : [`--effort=${reasoning_effort}`]),
    conversation.resumed ? `--resume=${conversation.id}` : `--session-id=${conversation.id}`,
  ]
}

export interface EnvironmentOptions {
  /** Where its model is, and what stands for the key. */
  readonly access: Readonly<Record<string, string>>
  /** The directory with the login; null where none is used. */
  readonly login: string | null
  /** Where the process and its commands put temporary files. */
  readonly scratch: string
}

/** The environment of one process. No secret is in it. */
export function toEnvironment(
  env: RuntimeEnv,
  config: ClaudeConfig,
  { access, login, scratch }: EnvironmentOptions,
): Readonly<Record<string, string>> {
  const retries = config.max_retries ?? (env.offlineUrl === null ? undefined : 1)
  const idle = config.stream_idle_timeout_ms ?? (env.offlineUrl === null ? undefined : 15_000)
  return {
    ...env.variables,
    ...quiet,
    ...access,
    CLAUDE_CONFIG_DIR: env.home,
    ...(login === null ? {} : { CLAUDE_SECURESTORAGE_CONFIG_DIR: login }),
    TMPDIR: scratch,
    CLAUDE_CODE_TMPDIR: scratch,
    ...(retries === undefined ? {} : { CLAUDE_CODE_MAX_RETRIES: String(retries) }),
    ...(idle === undefined
      ? {}
      : {
          CLAUDE_ENABLE_BYTE_WATCHDOG: '1',
          CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: String(idle),
          CLAUDE_STREAM_FIRST_BYTE_TIMEOUT_MS: String(idle),
        }),
  }
}

/** Nothing is fetched, reported, remembered or run that the daemon does not know of. */
export const quiet = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
  CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1',
  CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
  CLAUDE_CODE_DISABLE_CRON: '1',
  CLAUDE_CODE_DISABLE_WORKFLOWS: '1',
  // A plan that is told whole, whatever the model.
  CLAUDE_CODE_ENABLE_TASKS: '0',
  CLAUDE_CODE_ENABLE_TODO_TOOLS: '1',
  // An answer that broke off is asked for again as a stream, and told so.
  CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
}

/** The first request of a conversation: it makes Claude Code ask about every call, and gives it what no argument may show. */
export function toInitialize(servers: Readonly<Record<string, object>>): object {
  return {
    subtype: 'initialize',
    // The hook is answered at once with "ask"; should it fail, the call is not run.
    hooks: { PreToolUse: [{ hookCallbackIds: ['before_call'], timeout: 600, onFailure: 'block' }] },
    ...(Object.keys(servers).length === 0 ? {} : { mcpServers: servers }),
  }
}
