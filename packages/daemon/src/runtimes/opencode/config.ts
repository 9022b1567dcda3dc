import { rm, stat } from 'node:fs/promises'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { RuntimeFailure } from '../../core/ports.ts'
import type { Launch, PrepareContext } from '../acp/profile.ts'
import { makeDirectory, writeOwnFile } from '../own-files.ts'
import { CALL_LIMIT } from '../servers.ts'
import { baseUrl, mcpServers, parseRuntimeConfig, variableName } from '../runtime-config.ts'
import { isOwnProvider, openAccess, providerId } from './access.ts'
import type { Access } from './access.ts'
import { cachePath, toShellVariables, toVariables } from './environment.ts'
import type { Places } from './environment.ts'
import type { GuardOptions } from './guard.ts'
import { providers } from './providers.ts'
import { prepareRipgrep } from './ripgrep.ts'

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

/** Makes the directories and files of one process; nothing that an earlier one may have left is obeyed. */
export async function prepareLaunch(context: PrepareContext<OpenCodeConfig>): Promise<Launch> {
  const { env, mark } = context
  const model = toModel(context)
  const access = await openAccess(env, context.config)
  checkAccess(access, model)
  // A session has one process at a time: whatever is there is a dead one's. In the cache there would be which package speaks with a
  // provider, for whoever has put it there.
  await Promise.all([removeRun(env.home), rm(path.join(env.home, ...cachePath), { recursive: true, force: true })])
  const places = await makePlaces(env.home, mark)
  const ripgrep = await prepareRipgrep(env.home, cachePath, env.variables['PATH'] ?? '')
  const settings = toSettings(context, { access, model, instructions: await findInstructions(context) })
  await writeOwnFile(env.home, path.relative(env.home, places.file).split(path.sep), JSON.stringify(settings))
  return {
    // Port 0 is "4096, else any"; whoever connects needs the guard's password.
    args: ['acp', '--hostname', '127.0.0.1', '--port', '0', '--log-level', 'WARN'],
    variables: toVariables(context, { places, access }),
    // The guard, with what it imports.
    readable: [import.meta.dirname, ...ripgrep],
    [Symbol.asyncDispose]: () => removeRun(env.home),
  }
}

const runPath = 'run'

async function removeRun(home: string): Promise<void> {
  await rm(path.join(home, runPath), { recursive: true, force: true })
}

async function makePlaces(home: string, mark: string): Promise<Places> {
  const run = [runPath, mark]
  const settings = await makeDirectory(home, ...run, 'config', 'opencode')
  const userHome = await makeDirectory(home, ...run, 'home')
  // Otherwise OpenCode installs its plugin package from the registry into every settings directory; it believes what a lock file says.
  await makeDirectory(settings, 'node_modules')
  const lock = { lockfileVersion: 3, packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } } }
  await writeOwnFile(settings, ['package-lock.json'], JSON.stringify(lock))
  return { settings, userHome, file: path.join(home, ...run, 'opencode.json') }
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

/** OpenCode takes a quarter of a minute to say less. A provider that is not in the table may find its key in the session's variables. */
function checkAccess({ passages, refused }: Access, model: ModelName | null): void {
  if (model === null ? passages.size > 0 : passages.has(model.provider) || !providers.has(model.provider)) return
  const [refusal] = model === null ? refused.values() : [refused.get(model.provider)]
  if (refusal !== undefined) throw refusal
  const message = `There is no key for ${model === null ? 'any provider' : `the provider ${model.provider}`}.`
  throw new RuntimeFailure({ code: 'auth_required', message, retryable: false })
}

interface SettingsFacts {
  readonly access: Access
  readonly model: ModelName | null
  readonly instructions: readonly string[]
}

function toSettings(context: PrepareContext<OpenCodeConfig>, { access, model, instructions }: SettingsFacts): object {
  const { env, config, spec } = context
  const guard: GuardOptions = {
    permission,
    maxRetries: config.max_retries ?? (env.offlineUrl === null ? 5 : 1),
    variables: toShellVariables(env),
    doors: access.doors,
  }
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
    // Thirty seconds else, which is no time for a person; the protocol has no place to say it for one server.
    ...(spec.tools.length === 0 ? {} : { experimental: { mcp_timeout: CALL_LIMIT } }),
    // Asks the model behind the session's back.
    agent: { title: { disable: true } },
    instructions,
    provider: toProviders(context, { access, model }),
    ...(model === null ? {} : { model: `${model.provider}/${model.id}`, small_model: `${model.provider}/${model.id}` }),
    ...(isOwnProvider(env, config) ? { enabled_providers: [providerId] } : {}),
    // Its free models need no login: the code would go to a service that nobody chose.
    ...(access.passages.has('opencode') ? {} : { disabled_providers: ['opencode'] }),
  }
}

interface ModelName {
  readonly provider: string
  readonly id: string
}

function toModel(context: PrepareContext<OpenCodeConfig>): ModelName | null {
  const { model } = context.spec
  if (isOwnProvider(context.env, context.config)) return { provider: providerId, id: model ?? 'offline-model' }
  if (model === null) return null
  const [provider = '', ...id] = model.split('/')
  if (provider !== '' && id.join('/') !== '') return { provider, id: id.join('/') }
  const message = 'OpenCode names models as provider/model.'
  throw new RuntimeFailure({ code: 'model_request_rejected', message, retryable: false })
}

/** The providers that there is a way to, and that of the model. */
function toProviders(
  context: PrepareContext<OpenCodeConfig>,
  { access, model }: Omit<SettingsFacts, 'instructions'>,
): Readonly<Record<string, object>> {
  const names = new Set([...access.passages.keys(), ...(model === null ? [] : [model.provider])])
  const idle = toIdleTimeout(context)
  const bounds = idle === undefined ? {} : { headerTimeout: idle, chunkTimeout: idle }
  return Object.fromEntries(
    [...names].map((name) => {
      const entry = model?.provider === name ? toModelEntry(context, model) : {}
      const baseURL = access.passages.get(name)?.url
      return [name, { ...entry, options: { ...(baseURL === undefined ? {} : { baseURL }), ...bounds } }]
    }),
  )
}

function toIdleTimeout({ env, config }: PrepareContext<OpenCodeConfig>): number | undefined {
  return config.stream_idle_timeout_ms ?? (env.offlineUrl === null ? undefined : 15_000)
}

/** A model that is named must exist: OpenCode would silently take another one. */
function toModelEntry({ env, config }: PrepareContext<OpenCodeConfig>, model: ModelName): object {
  if (!isOwnProvider(env, config)) return { models: { [model.id]: {} } }
  const entry = {
    name: model.id,
    tool_call: true,
    attachment: true,
    modalities: { input: ['text', 'image'], output: ['text'] },
    limit: { context: config.context_window ?? 200_000, output: 32_000 },
  }
  const name = config.base_url === undefined ? 'offline model' : 'custom'
  return { npm: '@ai-sdk/openai-compatible', name, models: { [model.id]: entry } }
}
