import * as path from 'node:path'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { PrepareContext } from '../acp/profile.ts'
import type { GuardOptions } from './guard.ts'

/** Where each variable's key goes: OpenCode's names of the providers. */
export const providers = {
  ANTHROPIC_API_KEY: 'anthropic',
  OPENAI_API_KEY: 'openai',
  OPENROUTER_API_KEY: 'openrouter',
  GEMINI_API_KEY: 'google',
  MISTRAL_API_KEY: 'mistral',
  GROQ_API_KEY: 'groq',
  DEEPSEEK_API_KEY: 'deepseek',
  XAI_API_KEY: 'xai',
  OPENCODE_API_KEY: 'opencode',
} as const satisfies Readonly<Record<string, string>>

export const credentialVariables: readonly string[] = Object.keys(providers)

/** The directories and files of one process. */
export interface Places {
  /** Everything of this one process. */
  readonly run: string
  /** What OpenCode takes for the user's settings directory. */
  readonly settings: string
  /** Where it looks for `.opencode`, `.claude` and `.agents` of the user. */
  readonly userHome: string
  readonly file: string
  readonly data: string
}

const ownDirectories = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']

/** What differs in the environment of commands: they keep the directories of the session. */
export function toShellVariables({ variables }: Pick<RuntimeEnv, 'variables'>): GuardOptions['variables'] {
  return Object.fromEntries(ownDirectories.map((name) => [name, variables[name] ?? null]))
}

/** Nothing is fetched, updated or obeyed that the daemon does not know of. */
const switches = [
  'OPENCODE_DISABLE_MODELS_FETCH',
  'OPENCODE_DISABLE_AUTOUPDATE',
  'OPENCODE_DISABLE_LSP_DOWNLOAD',
  'OPENCODE_DISABLE_DEFAULT_PLUGINS',
  'OPENCODE_DISABLE_CLAUDE_CODE',
  'OPENCODE_DISABLE_EXTERNAL_SKILLS',
  'OPENCODE_DISABLE_EMBEDDED_WEB_UI',
  'OPENCODE_DISABLE_PROJECT_CONFIG',
  'OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER',
]

/** The environment of the agent: no key, none of the user's settings. */
export function toVariables(
  { env, spec, config }: PrepareContext<{ readonly env_key?: string | undefined }>,
  places: Places,
): Readonly<Record<string, string>> {
  const hidden: ReadonlySet<string> = new Set([...credentialVariables, ...(config.env_key === undefined ? [] : [config.env_key])])
  const kept = Object.entries(env.variables).filter(([name]) => !hidden.has(name) && !name.startsWith('OPENCODE_'))
  const trusted = spec.trustWorkspace ? ['OPENCODE_DISABLE_PROJECT_CONFIG'] : []
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(switches.filter((name) => !trusted.includes(name)).map((name) => [name, '1'])),
    XDG_CONFIG_HOME: path.dirname(places.settings),
    XDG_DATA_HOME: places.data,
    XDG_STATE_HOME: path.join(env.home, 'state'),
    XDG_CACHE_HOME: path.join(env.home, 'cache'),
    OPENCODE_CONFIG: places.file,
    OPENCODE_TEST_HOME: places.userHome,
  }
}
