import { lstat, realpath } from 'node:fs/promises'
import * as path from 'node:path'
import { RuntimeFailure } from '../../core/ports.ts'
import type { AgentEnv, RuntimeEnv } from '../../core/ports.ts'
import { toKey } from './config.ts'
import type { GeminiConfig } from './config.ts'

export const google = 'https://generativelanguage.googleapis.com'
/** Where the agent talks to with a Google login: its model, the refreshing of its tokens, and who it is. */
const loginHosts = ['cloudcode-pa.googleapis.com', 'oauth2.googleapis.com', 'www.googleapis.com']

/** How one agent gets to its model. */
export interface Access {
  /** The way to log in that it is told; undefined when there is nothing to log in with: then the agent says so itself. */
  readonly methodId?: 'gateway' | 'gemini-api-key' | 'oauth-personal'
  readonly variables: Readonly<Record<string, string>>
  /** The login files that are used. */
  readonly login: readonly LoginFile[]
}

/** A file of a login: its name in a `.gemini` folder, and the real file. */
export interface LoginFile {
  readonly name: string
  readonly file: string
}

/** Opens the way to the model. Rejects with `RuntimeFailure` when the key that was named is not there. */
export async function openAccess(env: AgentEnv, config: GeminiConfig): Promise<Access> {
  const key = toKey(env, config)
  const endpoint = config.base_url ?? env.offlineUrl
  if (key === null && config.env_key !== undefined) {
    const message = `There is no key in ${config.env_key}; give it in the env of the session.`
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
  }
  if (endpoint === null && key === null) {
    const login = await findLogin(env)
    if (login.length === 0) return { variables: {}, login }
    env.enclosure.allow(loginHosts)
    return { methodId: 'oauth-personal', variables: {}, login }
  }
  const secret = config.base_url === undefined && env.offlineUrl !== null ? null : key
  const credential = secret === null ? null : ({ kind: 'key', secret } as const)
  const { url, placeholder } = env.enclosure.open({ name: 'model', dialect: 'generate_content', upstream: endpoint ?? google, credential })
  // With the provider's own endpoint the agent knows which of its models there are.
  const methodId = endpoint === null ? 'gemini-api-key' : 'gateway'
  return { methodId, variables: { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: placeholder }, login: [] }
}

const [tokens, ...others] = ['oauth_creds.json', 'google_accounts.json'] as const

/** The user's own login, where this session may use it; the agent has no command that would make one for a namespace. Never rejects. */
export async function findLogin({ shared, login }: Pick<RuntimeEnv, 'shared' | 'login'>): Promise<readonly LoginFile[]> {
  const home = login.variables['GEMINI_CLI_HOME'] ?? login.variables['HOME']
  if (!shared || home === undefined) return []
  const find = async (name: string) => await findFile(path.join(home, '.gemini'), name)
  const first = await find(tokens)
  if (first === null) return []
  const more = await Promise.all(others.map(find))
  return [first, ...more.filter((file) => file !== null)]
}

async function findFile(folder: string, name: string): Promise<LoginFile | null> {
  try {
    // What leads to it is not there to be seen inside.
    const file = await realpath(path.join(folder, name))
    return (await lstat(file)).isFile() ? { name, file } : null
  } catch {
    return null
  }
}
