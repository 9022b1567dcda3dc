import { RuntimeFailure } from '../../core/ports.ts'
import type { Passage } from '../../core/enclosure.ts'
import type { AgentEnv, RuntimeEnv } from '../../core/ports.ts'
import type { Doors } from './doors.ts'
import { readLogin } from './login.ts'
import { providers } from './providers.ts'
import type { ModelDialect, Provider } from './providers.ts'

/** The model provider of a session that does not use one of OpenCode's own. */
export const providerId = 'codesdkd'

export interface AccessConfig {
  readonly base_url?: string | undefined
  readonly env_key?: string | undefined
}

/** How one agent gets to its models: what stands for the endpoint and the key of each provider. */
export interface Access {
  readonly passages: ReadonlyMap<string, Passage>
  readonly doors: Readonly<Record<string, Doors>>
  /** Why the key of a provider may not be used with it: OpenCode goes without that provider. */
  readonly refused: ReadonlyMap<string, RuntimeFailure>
}

/** True for a session that does not use one of OpenCode's own providers. */
export function isOwnProvider({ offlineUrl }: Pick<RuntimeEnv, 'offlineUrl'>, { base_url }: AccessConfig): boolean {
  return base_url !== undefined || offlineUrl !== null
}

/** Opens the ways to the models. Rejects with `RuntimeFailure` when the key that was named is not there, or not for the base URL. */
export async function openAccess(env: AgentEnv, config: AccessConfig): Promise<Access> {
  const own = toOwnKey(env, config)
  const upstream = config.base_url ?? (env.offlineUrl === null ? null : `${env.offlineUrl}/v1`)
  if (upstream === null) return openProviders(env, await findKeys(env))
  const credential = own === null ? null : ({ kind: 'bearer', secret: own } as const)
  const passage = env.enclosure.open({ name: 'model', dialect: 'chat_completions', upstream, credential })
  return { passages: new Map([[providerId, passage]]), doors: {}, refused: new Map() }
}

/** A key that is meant for another endpoint than its provider's is no reason to go without the other providers. */
function openProviders(env: AgentEnv, keys: readonly FoundKey[]): Access {
  const passages = new Map<string, Passage>()
  const doors: Record<string, Doors> = {}
  const refused = new Map<string, RuntimeFailure>()
  for (const found of keys) {
    try {
      const opened = openProvider(env, found)
      passages.set(found.name, opened.passage)
      if (opened.doors !== null) doors[found.name] = opened.doors
    } catch (error) {
      if (!(error instanceof RuntimeFailure)) throw error
      refused.set(found.name, error)
    }
  }
  return { passages, doors, refused }
}

/** The key that the session names; null where it names none. */
function toOwnKey({ credentials }: AgentEnv, { env_key: variable }: AccessConfig): string | null {
  if (variable === undefined) return null
  const key = credentials[variable] ?? ''
  if (key !== '') return key
  const message = `The variable ${variable}, which holds the key of the provider, is not set.`
  throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
}

interface FoundKey {
  /** OpenCode's name of the provider. */
  readonly name: string
  readonly provider: Provider
  readonly key: string
}

/** The keys of providers that a session has: one of a variable counts before that of OpenCode's own login. Never rejects. */
export async function findKeys({ credentials, login }: Pick<RuntimeEnv, 'credentials' | 'login'>): Promise<readonly FoundKey[]> {
  const logins = await readLogin({ login })
  return [...providers].flatMap(([name, provider]) => {
    const given = provider.variable === null ? '' : (credentials[provider.variable] ?? '')
    const key = given === '' ? (logins.get(name) ?? '') : given
    return key === '' ? [] : [{ name, provider, key }]
  })
}

/** How the paths of calls begin. */
const paths: Readonly<Record<ModelDialect, string>> = {
  messages: '/messages',
  responses: '/responses',
  chat_completions: '/chat/completions',
  generate_content: '/models/',
}

function openProvider(
  { enclosure }: AgentEnv,
  { name, provider, key }: FoundKey,
): { readonly passage: Passage; readonly doors: Doors | null } {
  const { upstream, dialects } = provider
  const credential = { kind: 'key', secret: key } as const
  const [first, ...more] = dialects
  const passage = enclosure.open({ name, dialect: first, upstream, credential })
  const others = more.map((dialect) => ({
    path: paths[dialect],
    url: enclosure.open({ name: `${name}-${dialect}`, dialect, upstream, credential }).url,
  }))
  return { passage, doors: others.length === 0 ? null : { base: passage.url, others } }
}
