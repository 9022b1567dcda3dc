import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { RuntimeEnv } from '../../core/ports.ts'
import type { Launch, PrepareContext } from '../acp/profile.ts'
import { anyExists, linkLogin } from '../login-file.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, variableName } from '../runtime-config.ts'
import { providers, toShellVariables, toVariables } from './environment.ts'
import type { Places } from './environment.ts'
import type { GuardOptions } from './guard.ts'

/** The model provider of a session that does not use one of OpenCode's own. */
export const providerId = 'codesdkd'

const runtimeConfig = z.strictObject({
  base_url: baseUrl.optional(),
  env_key: variableName.optional(),
  context_window: z.int().min(1000).max(100_000_000).optional().describe('of the model behind base_url, in tokens'),
  stream_idle_timeout_ms: z.int().min(100).max(3_600_000).optional(),
  // OpenCode itself never repeats a call more often.
  max_retries: z.int().min(0).max(5).optional(),
  mcp_servers: mcpServers.optional(),
})
export type OpenCodeConfig = z.infer<typeof runtimeConfig>

/** Checks a `runtimeConfig`; camelCase names are accepted too. Throws `Problem('invalid_request')`. */
export function parseOpenCodeConfig(config: Readonly<Record<string, unknown>>): OpenCodeConfig {
  return parseRuntimeConfig(runtimeConfig, config)
}

/**
 * What the guard makes the only permissions, in every mode of the daemon. The directory of a call shows in the call itself.
 * Agents of agents cannot ask over ACP, nor can questions be answered: a call of either would hang for ever.
 */
const permission: GuardOptions['permission'] = {
  '*': 'ask',
  todowrite: 'allow',
  external_directory: 'allow',
  doom_loop: 'allow',
  task: 'deny',
  question: 'deny',
}

/** The files of OpenCode's logins: its own in this home, and the one of the person or namespace. */
export function toLoginFiles({ home, variables }: RuntimeEnv): { readonly own: string; readonly theirs: string | null } {
  const data = variables['XDG_DATA_HOME'] ?? (variables['HOME'] === undefined ? null : path.join(variables['HOME'], '.local', 'share'))
  return {
    own: path.join(home, 'data', 'opencode', 'auth.json'),
    theirs: data === null ? null : path.join(data, 'opencode', 'auth.json'),
  }
}

/** Makes the directories and files of one process; nothing that an earlier one may have left is obeyed. */
export async function prepareLaunch(context: PrepareContext<OpenCodeConfig>): Promise<Launch> {
  const { env, mark } = context
  const places = toPlaces(env.home, mark)
  await mkdir(env.home, { recursive: true, mode: 0o700 })
  await chmod(env.home, 0o700)
  for (const directory of [path.join(places.data, 'opencode'), places.settings, places.userHome])
    await mkdir(directory, { recursive: true, mode: 0o700 })
  await forbidInstall(places.settings)
  const { own, theirs } = toLoginFiles(env)
  if (theirs !== null) await linkLogin(theirs, own)
  const keys = toKeys(context)
  await writePrivate(
    places.file,
    JSON.stringify(toSettings(context, { keys, loggedIn: await anyExists([own]), instructions: await findInstructions(context) })),
  )
  return {
    // Port 0 is "4096, else any"; whoever connects needs the guard's password.
    args: ['acp', '--hostname', '127.0.0.1', '--port', '0', '--log-level', 'WARN'],
    variables: toVariables(context, places),
    secret: JSON.stringify(keys),
    [Symbol.asyncDispose]: () => rm(places.run, { recursive: true, force: true }),
  }
}

function toPlaces(home: string, mark: string): Places {
  const run = path.join(home, 'run', mark)
  return {
    run,
    settings: path.join(run, 'config', 'opencode'),
    userHome: path.join(run, 'home'),
    file: path.join(run, 'opencode.json'),
    data: path.join(home, 'data'),
  }
}

/** Otherwise OpenCode installs its plugin package from the registry into every settings directory; it believes what a lock file says. */
async function forbidInstall(directory: string): Promise<void> {
  await mkdir(path.join(directory, 'node_modules'), { recursive: true })
  const lock = { lockfileVersion: 3, packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } } }
  await writeFile(path.join(directory, 'package-lock.json'), JSON.stringify(lock))
}

async function writePrivate(file: string, content: string): Promise<void> {
  const draft = `${file}.new`
  await writeFile(draft, content, { mode: 0o600 })
  await rename(draft, file)
}

// Without the project's settings OpenCode does not read its instructions either; they are content, so they are named.
async function findInstructions({ spec }: PrepareContext<OpenCodeConfig>): Promise<readonly string[]> {
  for (const name of ['AGENTS.md', 'CLAUDE.md', 'CONTEXT.md']) {
    const file = path.join(spec.cwd, name)
    const found = await stat(file).catch(() => null)
    if (found?.isFile() === true) return [file]
  }
  return []
}

/** Keys by provider; whose model it is decides which of them is used. */
function toKeys({ env: { variables, offlineUrl }, config }: PrepareContext<OpenCodeConfig>): Readonly<Record<string, string>> {
  const own = config.env_key === undefined ? 'none' : (variables[config.env_key] ?? '')
  if (own === '') {
    const message = `The variable ${config.env_key}, which holds the key of the provider, is not set.`
    throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
  }
  if (config.base_url !== undefined || offlineUrl !== null) return { [providerId]: own }
  const found = Object.entries(providers).map(([name, provider]) => [provider, variables[name] ?? ''] as const)
  return Object.fromEntries(found.filter(([, key]) => key !== ''))
}

interface SettingsFacts {
  readonly keys: Readonly<Record<string, string>>
  readonly loggedIn: boolean
  readonly instructions: readonly string[]
}

function toSettings(context: PrepareContext<OpenCodeConfig>, { keys, loggedIn, instructions }: SettingsFacts): object {
  const { env, config } = context
  const model = toModel(context)
  const guard: GuardOptions = {
    permission,
    maxRetries: config.max_retries ?? (env.offlineUrl === null ? 5 : 1),
    variables: toShellVariables(env),
  }
  const provider = { ...Object.fromEntries(Object.keys(keys).map((name) => [name, {}])), ...toProvider(context, model) }
  return {
    $schema: 'https://opencode.ai/config.json',
    autoupdate: false,
    share: 'disabled',
    snapshot: false,
    lsp: false,
    formatter: false,
    plugin: [[pathToFileURL(path.join(import.meta.dirname, 'guard.ts')).href, guard]],
    // Until the guard is loaded, nothing is allowed.
    permission: { '*': 'deny' },
    // Asks the model behind the session's back.
    agent: { title: { disable: true } },
    instructions,
    provider: withIdleTimeout(provider, context),
    ...(model === null ? {} : { model: `${model.provider}/${model.id}`, small_model: `${model.provider}/${model.id}` }),
    ...(isOwnProvider(context) ? { enabled_providers: [providerId] } : {}),
    // Its free models need no login: the code would go to a service that nobody chose.
    ...(loggedIn || 'opencode' in keys ? {} : { disabled_providers: ['opencode'] }),
  }
}

function isOwnProvider({ env, config }: PrepareContext<OpenCodeConfig>): boolean {
  return config.base_url !== undefined || env.offlineUrl !== null
}

interface ModelName {
  readonly provider: string
  readonly id: string
}

function toModel(context: PrepareContext<OpenCodeConfig>): ModelName | null {
  const { model } = context.spec
  if (isOwnProvider(context)) return { provider: providerId, id: model ?? 'offline-model' }
  if (model === null) return null
  const [provider = '', ...id] = model.split('/')
  if (provider !== '' && id.join('/') !== '') return { provider, id: id.join('/') }
  const message = 'OpenCode names models as provider/model.'
  throw new RuntimeFailure({ code: 'model_request_rejected', message, retryable: false })
}

type Providers = Readonly<Record<string, { readonly options?: object; readonly [field: string]: unknown }>>

/** A model that is named must exist: OpenCode would silently take another one. */
function toProvider(context: PrepareContext<OpenCodeConfig>, model: ModelName | null): Providers {
  const { env, config } = context
  if (model === null) return {}
  if (!isOwnProvider(context)) return { [model.provider]: { models: { [model.id]: {} } } }
  const entry = {
    name: model.id,
    tool_call: true,
    attachment: true,
    modalities: { input: ['text', 'image'], output: ['text'] },
    limit: { context: config.context_window ?? 200_000, output: 32_000 },
  }
  const options = { baseURL: config.base_url ?? `${env.offlineUrl}/v1` }
  const name = config.base_url === undefined ? 'offline model' : 'custom'
  return { [model.provider]: { npm: '@ai-sdk/openai-compatible', name, options, models: { [model.id]: entry } } }
}

function withIdleTimeout(found: Providers, { env, config }: PrepareContext<OpenCodeConfig>): Providers {
  const idle = config.stream_idle_timeout_ms ?? (env.offlineUrl === null ? undefined : 15_000)
  if (idle === undefined) return found
  const bounded = (provider: Providers[string]) => ({
    ...provider,
    options: { ...provider.options, headerTimeout: idle, chunkTimeout: idle },
  })
  return Object.fromEntries(Object.entries(found).map(([name, provider]) => [name, bounded(provider)]))
}
