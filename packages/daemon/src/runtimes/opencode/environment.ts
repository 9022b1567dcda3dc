import * as path from 'node:path'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { PrepareContext } from '../acp/profile.ts'
import type { Access } from './access.ts'
import type { GuardOptions } from './guard.ts'

/** The directories and files of one process. */
export interface Places {
  /** What OpenCode takes for the user's settings directory. */
  readonly settings: string
  /** Where it looks for `.opencode`, `.claude` and `.agents` of the user. */
  readonly userHome: string
  readonly file: string
}

const ownDirectories = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']

/** Where OpenCode keeps what it downloads, below the agent's home. */
export const cachePath = ['cache', 'opencode'] as const

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

interface EnvironmentFacts {
  readonly places: Places
  readonly access: Access
}

/** The environment of the agent: none of the user's settings, and what stands for keys in place of a login. */
export function toVariables(
  { env, spec }: Pick<PrepareContext<object>, 'env' | 'spec'>,
  { places, access }: EnvironmentFacts,
): Readonly<Record<string, string>> {
  const kept = Object.entries(env.variables).filter(([name]) => !name.startsWith('OPENCODE_'))
  const trusted = spec.trustWorkspace ? ['OPENCODE_DISABLE_PROJECT_CONFIG'] : []
  return {
    ...Object.fromEntries(kept),
    ...Object.fromEntries(switches.filter((name) => !trusted.includes(name)).map((name) => [name, '1'])),
    XDG_CONFIG_HOME: path.dirname(places.settings),
    XDG_DATA_HOME: path.join(env.home, 'data'),
    XDG_STATE_HOME: path.join(env.home, 'state'),
    XDG_CACHE_HOME: path.join(env.home, ...cachePath.slice(0, -1)),
    OPENCODE_CONFIG: places.file,
    // Counts in place of a login file, whoever has left one.
    OPENCODE_AUTH_CONTENT: JSON.stringify(toLogins(access)),
    OPENCODE_TEST_HOME: places.userHome,
  }
}

function toLogins({ passages }: Access): object {
  return Object.fromEntries([...passages].map(([name, { placeholder: key }]) => [name, { type: 'api', key }]))
}
