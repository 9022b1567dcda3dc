import { stat } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { AgentEnv } from '../../core/ports.ts'
import { toKeyVariable } from './agent-config.ts'
import type { AgentEntry } from './agent-config.ts'
import { lendLogins } from './lent-login.ts'
import type { LentLogins } from './lent-login.ts'
import type { Launch, PrepareContext } from './profile.ts'
import { anyExists } from '../login-file.ts'
import { findProgramFiles } from '../program-files.ts'
import { baseUrl, mcpServers, variableName } from '../runtime-config.ts'

export const configuredConfig = z.strictObject({
  base_url: baseUrl.optional(),
  env_key: variableName.optional(),
  mcp_servers: mcpServers.optional(),
})
export type ConfiguredConfig = z.infer<typeof configuredConfig>

/** Everything that one process of a configured agent needs. Rejects with `RuntimeFailure` when the key that was named is not there. */
export async function prepareConfigured(entry: AgentEntry, { env, config }: PrepareContext<ConfiguredConfig>): Promise<Launch> {
  const access = await openAccess(entry, env, config)
  env.enclosure.allow(entry.hosts)
  const programs = await findPrograms(entry, env)
  const logins = access.login ? await lend(entry, env) : none
  return {
    args: entry.args,
    variables: { ...env.variables, ...entry.env, ...access.variables },
    readable: [...programs, ...entry.readable],
    writable: logins.files,
    ...(entry.auth_method === undefined ? {} : { authenticate: { methodId: entry.auth_method } }),
    [Symbol.asyncDispose]: () => logins[Symbol.asyncDispose](),
  }
}

/** How the agent gets to its model. */
interface Access {
  readonly variables: Readonly<Record<string, string>>
  /** Whether it has only its login to show. */
  readonly login: boolean
}

async function openAccess(entry: AgentEntry, env: AgentEnv, config: ConfiguredConfig): Promise<Access> {
  const { base_url_variable: urlVariable, dialect } = entry
  const keyVariable = toKeyVariable(entry)
  const found = findKey(entry, env, config)
  const upstream = await findUpstream(entry, env, { config, found })
  if (upstream === null || urlVariable === undefined || keyVariable === null)
    return { variables: toHeld(entry, env, found), login: found === null }
  const secret = upstream.offline ? undefined : found?.key
  const credential = secret === undefined ? null : ({ kind: 'key', secret } as const)
  const passage = env.enclosure.open({ name: 'model', dialect, upstream: upstream.url, credential })
  return { variables: { [urlVariable]: passage.url, [keyVariable]: passage.placeholder }, login: false }
}

interface FoundKey {
  readonly variable: string
  readonly key: string
}

function findKey(
  { name, credential_variables: usual }: AgentEntry,
  { credentials, offlineUrl }: AgentEnv,
  config: ConfiguredConfig,
): FoundKey | null {
  const { env_key: named, base_url } = config
  const found = (named === undefined ? usual : [named]).find((variable) => (credentials[variable] ?? '') !== '')
  if (found !== undefined) return { variable: found, key: credentials[found] ?? '' }
  if (named === undefined || (base_url === undefined && offlineUrl !== null)) return null
  const message = `${name} has no key: the session names ${named} as its variable, and its env has none.`
  throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
}

/** Without a way through the gateway the agent holds its key itself. Throws `RuntimeFailure` where the session says whom it is to show it to. */
function toHeld(entry: AgentEntry, { variables, boundKeys }: AgentEnv, found: FoundKey | null): Readonly<Record<string, string>> {
  if (found === null) return {}
  const { name, base_url_variable: urlVariable, key_variable: keyVariable = found.variable } = entry
  const bound = boundKeys.some(({ secret }) => secret === found.key)
  if (bound && urlVariable !== undefined && entry.env[urlVariable] === undefined && variables[urlVariable] !== undefined) {
    const message = `The key in ${found.variable} is bound to no endpoint, and the session gives ${name} one in ${urlVariable}. Give a key in the session's env, or store one with codesdkd keys set --endpoint.`
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
  }
  return { [keyVariable]: found.key }
}

interface Upstream {
  readonly url: string
  readonly offline: boolean
}

/** What the gateway stands before; null when the agent goes to its provider by itself. */
async function findUpstream(
  entry: AgentEntry,
  env: AgentEnv,
  { config, found }: { readonly config: ConfiguredConfig; readonly found: FoundKey | null },
): Promise<Upstream | null> {
  if (entry.base_url_variable === undefined) return null
  if (config.base_url !== undefined) return { url: config.base_url, offline: false }
  if (env.offlineUrl !== null) return { url: toOfflineUrl(env.offlineUrl, entry), offline: true }
  const bound = env.boundKeys.find(({ secret }) => secret === found?.key)
  const own = entry.base_url ?? bound?.endpoints[0]
  if (own === undefined) return null
  return found !== null || !(await hasLogin(entry, env)) ? { url: own, offline: false } : null
}

// Agents of the other dialects put the version into the path themselves.
function toOfflineUrl(url: string, { dialect }: AgentEntry): string {
  return dialect === 'chat_completions' || dialect === 'responses' ? `${url}/v1` : url
}

/** Presence of a login, from files; their content is not looked at. */
export async function hasLogin({ login_files }: AgentEntry, { login }: Pick<AgentEnv, 'login'>): Promise<boolean> {
  const home = login.variables['HOME']
  return home !== undefined && (await anyExists(login_files.map((file) => path.join(home, file))))
}

const none: LentLogins = { files: [], [Symbol.asyncDispose]: () => Promise.resolve() }

/** Only a session with a home of its own has to be lent the logins of its namespace. */
async function lend({ login_files: names }: AgentEntry, { login, variables }: AgentEnv): Promise<LentLogins> {
  const [from, to] = [login.variables['HOME'], variables['HOME']]
  return from === undefined || to === undefined || from === to ? none : await lendLogins({ from, to, names })
}

/** The files of its program, and of what its arguments name, as a script for an interpreter. */
async function findPrograms({ args }: AgentEntry, { executable }: AgentEnv): Promise<readonly string[]> {
  const named = await Promise.all(args.map(async (arg) => (path.isAbsolute(arg) && (await isFile(arg)) ? [arg] : [])))
  const programs = [...(executable === null ? [] : [executable]), ...named.flat()]
  return [...named.flat(), ...(await Promise.all(programs.map(findProgramFiles))).flat()]
}

async function isFile(file: string): Promise<boolean> {
  return await stat(file).then(
    (found) => found.isFile(),
    () => false,
  )
}
