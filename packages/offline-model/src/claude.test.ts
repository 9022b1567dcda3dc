import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import * as z from 'zod'
import type { ScenarioFileInput } from './index.ts'
import { startOfflineModel } from './offline-model.ts'
import type { OfflineModel } from './offline-model.ts'
import { readScenarioFile } from './scenario.ts'

const KEY = 'offline-test-key'
const binary = findClaude()

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  thinking: z.string().optional(),
  name: z.string().optional(),
  content: z.unknown().optional(),
  is_error: z.boolean().optional(),
})
const message = z.looseObject({
  type: z.string(),
  subtype: z.string().optional(),
  request_id: z.string().optional(),
  request: z.looseObject({ subtype: z.string(), tool_name: z.string().optional(), input: z.unknown().optional() }).optional(),
  event: z.looseObject({ delta: z.looseObject({ type: z.string().optional(), text: z.string().optional() }).optional() }).optional(),
  message: z.looseObject({ content: z.union([z.string(), z.array(block)]) }).optional(),
  is_error: z.boolean().optional(),
  result: z.string().optional(),
  usage: z.unknown().optional(),
  error: z.string().optional(),
})
type Message = z.infer<typeof message>

interface Claude extends AsyncDisposable {
  /** Runs one turn and allows everything. Resolves with what was said. */
  turn(text: string): Promise<Message[]>
}

/** The real agent in `cwd`, with `home` as its home and `model` as its model. */
function startClaude(home: string, cwd: string, model: OfflineModel): Claude {
  const streams = ['--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose', '--include-partial-messages']
  const asks = ['--permission-prompt-tool', 'stdio', '--permission-mode', 'default', '--setting-sources=']
  const child = spawn(binary ?? '', [...streams, ...asks, '--model', 'claude-sonnet-4-5'], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_ENABLE_TASKS: '0',
      CLAUDE_CODE_MAX_RETRIES: '2',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const send = (sent: object): void => void child.stdin.write(`${JSON.stringify(sent)}\n`)
  send({ type: 'control_request', request_id: 'init', request: { subtype: 'initialize' } })
  const allow = ({ request_id, request }: Message): void => {
    const response = { behavior: 'allow', updatedInput: request?.input }
    send({ type: 'control_response', response: { subtype: 'success', request_id, response } })
  }
  return {
    async turn(text) {
      send({ type: 'user', message: { role: 'user', content: text }, parent_tool_use_id: null })
      const seen: Message[] = []
      while (seen.at(-1)?.type !== 'result') {
        const said = message.parse(JSON.parse((await lines.next()).value ?? 'null'))
        seen.push(said)
        if (said.type === 'control_request') allow(said)
      }
      return seen
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const exit = once(child, 'exit')
      child.stdin.end()
      await exit
    },
  }
}

/** The native binary of the platform's package; null where that is not installed. */
function findClaude(): string | null {
  const require = createRequire(import.meta.url)
  try {
    const entry = require.resolve(`@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}/package.json`)
    const candidate = join(dirname(entry), process.platform === 'win32' ? 'claude.exe' : 'claude')
    return existsSync(candidate) ? candidate : null
  } catch {
    return null
  }
}

/** Runs `body` with the agent in an empty workspace. */
async function withClaude(
  file: ScenarioFileInput,
  body: (claude: Claude, model: OfflineModel, workspace: string) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'offline-model-'))
  const [home, workspace] = [join(root, 'home'), join(root, 'workspace')]
  try {
    await Promise.all([mkdir(home), mkdir(workspace)])
    await using model = await startOfflineModel(file)
    await using claude = startClaude(home, workspace, model)
    await body(claude, model, workspace)
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  }
}

const blocks = (seen: Message[], type: string): z.infer<typeof block>[] =>
  seen.flatMap((said) => (Array.isArray(said.message?.content) ? said.message.content.filter((part) => part.type === type) : []))
const deltas = (seen: Message[]): string => seen.map(({ event }) => event?.delta?.text ?? '').join('')

test.skipIf(binary === null)('the real Claude plays the demo', { timeout: 60_000 }, async () => {
  const demo = await readScenarioFile(join(import.meta.dirname, '../scenarios/demo.json'))
  await withClaude(demo, async (claude, model, workspace) => {
    await writeFile(join(workspace, 'package.json'), '{"type":"module"}')
    await writeFile(join(workspace, 'greet.js'), 'export const greet = (name) => `Helo, ${name}!`;\n')
    await writeFile(
      join(workspace, 'check.js'),
      "import { greet } from './greet.js'\nif (greet('Ada') !== 'Hello, Ada!') process.exit(1)\nconsole.log('checked')\n",
    )
    const seen = await claude.turn('Please fix the failing test.')
    expect(blocks(seen, 'tool_use').map(({ name }) => name)).toEqual(['TodoWrite', 'Read', 'Edit', 'Bash'])
    expect(blocks(seen, 'tool_result')).toMatchObject([
      {},
      { content: expect.stringContaining('Helo, ${name}') },
      {},
      { content: 'checked', is_error: false },
    ])
    expect(blocks(seen, 'tool_result').filter(({ is_error }) => is_error)).toEqual([])
    expect(await readFile(join(workspace, 'greet.js'), 'utf8')).toBe('export const greet = (name) => `Hello, ${name}!`;\n')
    expect(blocks(seen, 'thinking')).toMatchObject([{ thinking: 'The check fails. I should read the code before I change it.' }])
    expect(deltas(seen)).toContain('The greeting is misspelt. I will correct it.The check passes')
    expect(seen.at(-1)).toMatchObject({ is_error: false, result: expect.stringContaining('The check passes') })
    expect(model.journal.entries.map(({ scenario, leg, attempt, side }) => [scenario, leg, attempt, side])).toEqual(
      [0, 1, 2, 3, 4].map((leg) => ['demo', leg, 1, false]),
    )
    expect(model.journal.entries.every((entry) => model.journal.carries(entry, KEY))).toBe(true)
    expect(model.journal.entries.every(({ conversation }) => conversation.cwd === workspace)).toBe(true)
    expect(model.journal.entries.at(-1)?.conversation.items.findLast(({ kind }) => kind === 'tool_output')).toMatchObject({
      text: 'checked',
    })
  })
})

test.skipIf(binary === null)('the real Claude retries, asks without a stream, and goes on', { timeout: 60_000 }, async () => {
  const scenarios: ScenarioFileInput['scenarios'] = [
    {
      name: 'slow',
      prompt: 'Count',
      legs: [{ text: 'One, two.', chunk_size: 4, fault: { kind: 'status', status: 500, times: 1 } }],
    },
    {
      name: 'cut',
      prompt: 'Again',
      legs: [{ text: 'One, two, three.', chunk_size: 4, fault: { kind: 'drop', after_chunks: 2, times: 3 } }],
    },
    {
      name: 'failed',
      prompt: 'More',
      legs: [
        { text: 'Four.', chunk_size: 2, fault: { kind: 'failed', code: 'overloaded_error', message: 'sorry', after_chunks: 1, times: 1 } },
      ],
    },
    { name: 'refused', prompt: 'Still', legs: [{ text: 'Five.', fault: { kind: 'refuse', times: 1 } }] },
    { name: 'denied', prompt: 'Who', legs: [{ fault: { kind: 'status', status: 403 } }] },
    {
      name: 'told',
      prompt: 'Tokens',
      legs: [{ text: 'Many.', usage: { input_tokens: 100, cached_input_tokens: 60, output_tokens: 7, reasoning_tokens: 2 } }],
    },
  ]
  await withClaude({ scenarios }, async (claude, model) => {
    expect((await claude.turn('Count')).at(-1)).toMatchObject({ is_error: false, result: 'One, two.' })
    expect((await claude.turn('Again')).at(-1)).toMatchObject({ is_error: false, result: 'One, two, three.' })
    expect((await claude.turn('More')).at(-1)).toMatchObject({ is_error: false, result: 'Four.' })
    expect((await claude.turn('Still')).at(-1)).toMatchObject({ is_error: false, result: 'Five.' })
    expect((await claude.turn('Who are you?')).at(-1)).toMatchObject({ is_error: true, result: expect.stringContaining('403') })
    expect((await claude.turn('Tokens')).at(-1)).toMatchObject({
      usage: { input_tokens: 40, cache_read_input_tokens: 60, cache_creation_input_tokens: 0, output_tokens: 7 },
    })
    const told = model.journal.entries.map(({ scenario, attempt, outcome, conversation: { wants } }) => [scenario, attempt, outcome, wants])
    expect(told).toEqual([
      ['slow', 1, 'faulted', 'stream'],
      ['slow', 2, 'completed', 'stream'],
      ['cut', 1, 'faulted', 'stream'],
      ['cut', 2, 'faulted', 'stream'],
      ['cut', 3, 'faulted', 'stream'],
      ['cut', 4, 'completed', 'whole'],
      ['failed', 1, 'faulted', 'stream'],
      ['failed', 2, 'completed', 'whole'],
      ['refused', 1, 'faulted', 'stream'],
      ['refused', 2, 'completed', 'stream'],
      ['denied', 1, 'faulted', 'stream'],
      ['told', 1, 'completed', 'stream'],
    ])
  })
})
