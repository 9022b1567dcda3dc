import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel, ScenarioFileInput } from './index.ts'
import { readScenarioFile } from './scenario.ts'

const KEY = 'offline-test-key'
const binary = await findCodex()

const item = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  status: z.string().optional(),
  aggregatedOutput: z.string().nullish(),
})
const message = z.looseObject({
  id: z.number().optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  params: z
    .looseObject({
      delta: z.string().optional(),
      item: item.optional(),
      plan: z.unknown().optional(),
      turn: z.looseObject({ id: z.string(), status: z.string() }).optional(),
    })
    .optional(),
})
type Message = z.infer<typeof message>

interface Codex extends AsyncDisposable {
  readonly threadId: string
  /** Starts a turn in the thread. Resolves with its id. */
  start(text: string): Promise<string>
  request(method: string, params: object): Promise<unknown>
  /** Everything said since the turn began, up to the first message like this one. */
  until(method: string, itemType?: string): Promise<Message[]>
}

/** The real agent in `cwd`, with `home` as its home and `model` as its model. */
async function startCodex(home: string, cwd: string, model: OfflineModel): Promise<Codex> {
  await writeFile(join(home, 'config.toml'), codexConfig(model.url))
  const child = spawn(binary ?? '', ['app-server'], {
    env: { PATH: process.env['PATH'], HOME: home, CODEX_HOME: home, MODEL_KEY: KEY },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Message> => message.parse(JSON.parse((await lines.next()).value ?? 'null'))
  let id = 0
  let unread: Message[] = []
  const send = (sent: object): void => void child.stdin.write(`${JSON.stringify(sent)}\n`)
  const request = async (method: string, params: object): Promise<unknown> => {
    id += 1
    send({ method, id, params })
    for (;;) {
      const answer = await next()
      if (answer.id === id && answer.method === undefined) return answer.result
      unread.push(answer)
    }
  }
  await request('initialize', { clientInfo: { name: 'offline-model', title: 'test', version: '0' }, capabilities: {} })
  send({ method: 'initialized' })
  const { thread } = z
    .object({ thread: z.object({ id: z.string() }) })
    .parse(await request('thread/start', { cwd, approvalPolicy: 'never', sandbox: 'danger-full-access' }))
  return {
    threadId: thread.id,
    request,
    async start(text) {
      unread = []
      const started = await request('turn/start', { threadId: thread.id, input: [{ type: 'text', text, text_elements: [] }] })
      return z.object({ turn: z.object({ id: z.string() }) }).parse(started).turn.id
    },
    async until(method, itemType) {
      while (!unread.some(({ method: seen, params }) => seen === method && params?.item?.type === itemType)) unread.push(await next())
      return unread
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const exit = once(child, 'exit')
      child.stdin.end()
      await exit
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
env_key = "MODEL_KEY"
request_max_retries = 1
stream_max_retries = 1
`

/** The native binary inside the platform's package; null where that is not installed. */
async function findCodex(): Promise<string | null> {
  try {
    const vendor = join(
      dirname(createRequire(import.meta.url).resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`)),
      'vendor',
    )
    const candidates = (await readdir(vendor)).map((triple) => join(vendor, triple, 'bin', 'codex'))
    return candidates.find((candidate) => existsSync(candidate)) ?? null
  } catch {
    return null
  }
}

/** Runs `body` with the agent in an empty workspace. */
async function withCodex(
  file: ScenarioFileInput,
  body: (codex: Codex, model: OfflineModel, workspace: string) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'offline-model-'))
  const [home, workspace] = [join(root, 'home'), join(root, 'workspace')]
  try {
    await Promise.all([mkdir(home), mkdir(workspace)])
    await using model = await startOfflineModel(file)
    await using codex = await startCodex(home, workspace, model)
    await body(codex, model, workspace)
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  }
}

const withMethod = (seen: Message[], method: string): Message[] => seen.filter((candidate) => candidate.method === method)
const completed = (seen: Message[], type: string): unknown[] =>
  withMethod(seen, 'item/completed').flatMap(({ params }) => (params?.item?.type === type ? [params.item] : []))

test.skipIf(binary === null)('the real Codex plays the demo', { timeout: 60_000 }, async () => {
  const demo = await readScenarioFile(join(import.meta.dirname, '../scenarios/demo.json'))
  await withCodex(demo, async (codex, model, workspace) => {
    await writeFile(join(workspace, 'package.json'), '{"type":"module"}')
    await writeFile(join(workspace, 'greet.js'), 'export const greet = (name) => `Helo, ${name}!`;\n')
    await writeFile(
      join(workspace, 'check.js'),
      "import { greet } from './greet.js'\nif (greet('Ada') !== 'Hello, Ada!') process.exit(1)\n",
    )
    await codex.start('Please fix the failing test.')
    const seen = await codex.until('turn/completed')
    expect(seen.at(-1)?.params?.turn?.status).toBe('completed')
    expect(await readFile(join(workspace, 'greet.js'), 'utf8')).toBe('export const greet = (name) => `Hello, ${name}!`;\n')
    expect(
      withMethod(seen, 'item/reasoning/summaryTextDelta')
        .map(({ params }) => params?.delta)
        .join(''),
    ).toContain('The check fails.')
    expect(withMethod(seen, 'turn/plan/updated')[0]?.params?.plan).toContainEqual({ step: 'Read greet.js', status: 'inProgress' })
    expect(completed(seen, 'commandExecution')).toMatchObject([
      { status: 'completed', exitCode: 0, aggregatedOutput: 'export const greet = (name) => `Helo, ${name}!`;\n' },
      { status: 'completed', exitCode: 0 },
    ])
    expect(completed(seen, 'fileChange')).toMatchObject([{ status: 'completed', changes: [{ kind: { type: 'update' } }] }])
    expect(completed(seen, 'agentMessage').at(-1)).toMatchObject({ text: expect.stringContaining('The check passes') })
    expect(model.journal.entries.map(({ scenario, leg, attempt }) => [scenario, leg, attempt])).toEqual(
      [0, 1, 2, 3, 4].map((leg) => ['demo', leg, 1]),
    )
    expect(model.journal.entries.every((entry) => model.journal.carries(entry, KEY))).toBe(true)
  })
})

test.skipIf(binary === null)('the real Codex retries, calls in parallel and is steered', { timeout: 60_000 }, async () => {
  const legs: ScenarioFileInput['scenarios'][number]['legs'] = [
    {
      text: 'I will run two.',
      chunk_size: 4,
      tools: [
        { tool: 'shell', command: 'until [ -e go ]; do sleep 0.05; done' },
        { tool: 'shell', command: 'touch two' },
      ],
      fault: { kind: 'drop', after_chunks: 2, times: 1 },
    },
    { text: 'The last one said: {{last_tool_output}}' },
  ]
  await withCodex({ scenarios: [{ name: 'parallel', prompt: 'Run', legs }] }, async (codex, model, workspace) => {
    const turnId = await codex.start('Run two')
    // Steered any earlier, Codex would discard the calls it has not read yet.
    await codex.until('item/completed', 'commandExecution')
    await codex.request('turn/steer', {
      threadId: codex.threadId,
      expectedTurnId: turnId,
      input: [{ type: 'text', text: 'Be quick', text_elements: [] }],
    })
    await writeFile(join(workspace, 'go'), '')
    const seen = await codex.until('turn/completed')
    expect(withMethod(seen, 'error')).toHaveLength(1)
    expect(completed(seen, 'agentMessage')).toMatchObject([
      { text: 'I will run two.' },
      { text: expect.stringContaining('Process exited with code 0') },
    ])
    expect(await readdir(workspace)).toContain('two')
    expect(model.journal.entries.map(({ leg, attempt, outcome }) => [leg, attempt, outcome])).toEqual([
      [0, 1, 'faulted'],
      [0, 2, 'completed'],
      [1, 1, 'completed'],
    ])
    expect(model.journal.entries.at(-1)?.conversation.items).toContainEqual({ kind: 'user', text: 'Be quick' })
  })
})
