import type { Runtime, RuntimeEnv } from '../core/ports.ts'
import { createClaudeRuntime } from './claude/claude.ts'
import { findClaude } from './claude/executable.ts'
import { createCodexRuntime } from './codex/codex.ts'
import { findCodex } from './codex/executable.ts'
import type { ExecutableOptions } from './executable.ts'
import { findGemini } from './gemini/executable.ts'
import { createGeminiRuntime } from './gemini/gemini.ts'
import { findOpenCode } from './opencode/executable.ts'
import { createOpenCodeRuntime } from './opencode/opencode.ts'
import type { RuntimeOptions } from './runtime-options.ts'

/** One kind of agent: how to drive it, where its program may be, how to get it. */
export interface SupportedRuntime {
  readonly create: (options: RuntimeOptions) => Runtime
  readonly findExecutable: (options: ExecutableOptions) => Promise<string | null>
  /** The npm packages that bring it, as `name@version`: what `codesdkd agents install` installs. Empty when it is not ours to install. */
  readonly packages: readonly string[]
  /** The version that it tells of itself and that is tested here; older ones are pointed out. */
  readonly tested?: string
  /** Arguments with which its executable logs a person in; null when there is no such command. */
  readonly login: readonly string[] | null
  /** Variables that this command needs besides those of its namespace, so that the login lands where the sessions of the namespace look for it. */
  readonly loginVariables?: (env: RuntimeEnv) => Readonly<Record<string, string>>
}

/** The runtimes that are supported, by name. */
export const runtimes: ReadonlyMap<string, SupportedRuntime> = new Map<string, SupportedRuntime>([
  [
    'codex-sdk',
    {
      create: createCodexRuntime,
      findExecutable: findCodex,
      packages: ['@openai/codex@0.169.0'],
      tested: '0.169.0',
      // In a keyring nobody would find the login again.
      login: ['-c', 'cli_auth_credentials_store="file"', 'login'],
      loginVariables: ({ shared, home }): Record<string, string> => (shared ? {} : { CODEX_HOME: home }),
    },
  ],
  [
    'claude-agent-sdk',
    {
      create: createClaudeRuntime,
      findExecutable: findClaude,
      packages: ['@anthropic-ai/claude-agent-sdk@0.3.330'],
      tested: '2.1.330',
      login: ['auth', 'login'],
      loginVariables: ({ shared, home }): Record<string, string> => (shared ? {} : { CLAUDE_CONFIG_DIR: home }),
    },
  ],
  [
    'opencode-server',
    {
      create: createOpenCodeRuntime,
      findExecutable: findOpenCode,
      packages: ['opencode-ai@1.18.33'],
      tested: '1.18.33',
      login: ['auth', 'login'],
    },
  ],
  [
    'gemini-cli-core',
    // A person logs in inside its own terminal, with a command of that.
    { create: createGeminiRuntime, findExecutable: findGemini, packages: ['@google/gemini-cli@0.61.0'], tested: '0.61.0', login: null },
  ],
])
