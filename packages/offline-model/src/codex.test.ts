import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { startOfflineModel } from './offline-model.ts'
import { readScenarioFile } from './scenario.ts'

const notification = z.looseObject({
  id: z.number().optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  params: z
    .looseObject({
      delta: z.string().optional(),
      item: z.looseObject({ type: z.string(), text: z.string().optional(), exitCode: z.number().nullish(), aggregatedOutput: z.string().nullish() }).optional(),
      plan: z.array(z.object({ step: z.string(), status: z.string() })).optional(),
      turn: z.looseObject({ status: z.string(), error: z.unknown() }).optional(),
      tokenUsage: z.looseObject({ last: z.looseObject({ inputTokens: z.number() }) }).optional(),
    })
    .optional(),
})
type Notification = z.infer<typeof notification>

/** A real `codex app-server` whose home is `home` and whose model is at `modelUrl`. */
async function startCodex(home: string, modelUrl: string): Promise<{ turn(cwd: string, text: string): Promise<Notification[]> } & AsyncDisposable> {
  await writeFile(join(home, 'config.toml'), codexConfig(modelUrl))
  const child = spawn(await codexBinary(), ['app-server'], { env: { PATH: process.env['PATH'], CODEX_HOME: home, HOME: home, OFFLINE_KEY: 'secret-key' }, stdio: ['pipe', 'pipe', 'ignore'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Notification> => notification.parse(JSON.parse((await lines.next()).value ?? 'null'))
  let id = 0
  const send = (method: string, params?: object): void => void child.stdin.write(`${JSON.stringify({ method, params, ...(method === 'initialized' ? {} : { id: (id += 1) }) })}\n`)
  const call = async (method: string, params: object): Promise<unknown> => {
    send(method, params)
    for (;;) {
      const message = await next()
      if (message.id === id && message.method === undefined) return message.error ? Promise.reject(new Error(JSON.stringify(message.error))) : message.result
    }
  }
  await call('initialize', { clientInfo: { name: 'offline-model-test', title: 'test', version: '0' }, capabilities: {} })
  send('initialized')
  return {
    async turn(cwd, text) {
      const started = z.object({ thread: z.object({ id: z.string() }) }).parse(await call('thread/start', { cwd, approvalPolicy: 'never', sandbox: 'danger-full-access' }))
      send('turn/start', { threadId: started.thread.id, input: [{ type: 'text', text, text_elements: [] }] })
      const seen: Notification[] = []
      while (seen.at(-1)?.method !== 'turn/completed') seen.push(await next())
      return seen
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}

const codexConfig = (url: string): string => `
model = "gpt-5.5"
model_provider = "offline"
check_for_update_on_startup = false
[features]
plugins = false
unbounded_connection_retries = false
[tools.update_plan]
enabled = true
[model_providers.offline]
name = "offline"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "OFFLINE_KEY"
request_max_retries = 1
stream_max_retries = 1
`

async function codexBinary(): Promise<string> {
  const platform = createRequire(import.meta.url).resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`)
  const vendor = join(dirname(platform), 'vendor')
  const [triple = ''] = await readdir(vendor)
  return join(vendor, triple, 'bin', 'codex')
}

test('the real Codex plays the demo', { timeout: 60_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'offline-model-'))
  const home = join(root, 'home')
  const workspace = join(root, 'workspace')
  await mkdir(home)
  await mkdir(workspace)
  await writeFile(join(workspace, 'greet.js'), 'export const greet = (name) => `Helo, ${name}!`;\n')
  await writeFile(join(workspace, 'check.js'), "import { greet } from './greet.js'\nif (greet('Ada') !== 'Hello, Ada!') process.exit(1)\n")
  await writeFile(join(workspace, 'package.json'), '{"type":"module"}')
  const demo = await readScenarioFile(join(import.meta.dirname, '../scenarios/demo.json'))
  {
    await using model = await startOfflineModel(demo)
    await using codex = await startCodex(home, model.url)
    const seen = await codex.turn(workspace, 'Please fix the failing test.')
    if (process.env['DUMP']) await writeFile(process.env['DUMP'], JSON.stringify({ seen, journal: model.journal.entries }, null, 1))
    expect(seen.at(-1)?.params?.turn).toMatchObject({ status: 'completed', error: null })
  }
  expect(await readFile(join(workspace, 'greet.js'), 'utf8')).toContain('Hello')
  await rm(root, { recursive: true, force: true })
})
