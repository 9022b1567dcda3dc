import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import * as z from 'zod'

/** How an agent that speaks ACP is started. */
export interface AcpLaunch {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** One turn as the agent told it, in the order it was told. */
export interface AcpTurn {
  readonly stopReason: string
  /** The pieces of the answer, as they came. */
  readonly messages: readonly string[]
  readonly thoughts: readonly string[]
  /** The titles of the calls that it asked leave for, and got. */
  readonly asked: readonly string[]
}

export interface AcpAgent extends AsyncDisposable {
  /** Its working directory, empty at first. */
  readonly workspace: string
  /** Whatever the agent asks leave for is allowed. Rejects if the turn fails. */
  prompt(text: string): Promise<AcpTurn>
}

const message = z.looseObject({
  id: z.union([z.number(), z.string()]).optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  params: z
    .looseObject({
      update: z.looseObject({ sessionUpdate: z.string(), content: z.unknown().optional() }).optional(),
      toolCall: z.looseObject({ title: z.string().nullish() }).optional(),
      options: z.array(z.object({ optionId: z.string(), kind: z.string() })).optional(),
    })
    .optional(),
})
type Message = z.infer<typeof message>

const textBlock = z.object({ type: z.literal('text'), text: z.string() })

/** The root of an installed package. */
export function packageRoot(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
}

/** Starts the real agent with a home and a workspace of its own, and opens a session there. */
export async function startAcpAgent(toLaunch: (home: string) => AcpLaunch | Promise<AcpLaunch>): Promise<AcpAgent> {
  const root = await mkdtemp(join(tmpdir(), 'offline-model-'))
  const [home, workspace] = [join(root, 'home'), join(root, 'workspace')]
  await Promise.all([mkdir(home), mkdir(workspace)])
  const { command, args, env } = await toLaunch(home)
  const child = spawn(command, args, {
    cwd: workspace,
    env: { PATH: process.env['PATH'], HOME: home, ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      // Not all of them end with their input.
      child.kill('SIGKILL')
      await exit
    }
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const rpc = openRpc(child.stdin, child.stdout)
    await rpc.request('initialize', { protocolVersion: 1, clientCapabilities: {} })
    const opened = await rpc.request('session/new', { cwd: workspace, mcpServers: [] })
    const { sessionId } = z.object({ sessionId: z.string() }).parse(opened)
    return { workspace, prompt: (text) => prompt(rpc, sessionId, text), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

interface Rpc {
  send(sent: object): void
  /** Resolves with the result. What the agent says of itself meanwhile goes to `onMessage`. Rejects if it answers with an error or ends. */
  request(method: string, params: object, onMessage?: (said: Message) => void): Promise<unknown>
}

function openRpc(stdin: Writable, stdout: Readable): Rpc {
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  let lastId = 0
  const send = (sent: object): void => void stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...sent })}\n`)
  return {
    send,
    async request(method, params, onMessage) {
      lastId += 1
      send({ id: lastId, method, params })
      for (;;) {
        const line = await lines.next()
        if (line.done) throw new Error(`the agent ended before it answered ${method}`)
        const said = message.parse(JSON.parse(line.value))
        if (said.method !== undefined) onMessage?.(said)
        else if (said.id === lastId && said.error === undefined) return said.result
        else if (said.id === lastId) throw new Error(`${method}: ${JSON.stringify(said.error)}`)
      }
    },
  }
}

async function prompt(rpc: Rpc, sessionId: string, text: string): Promise<AcpTurn> {
  const [messages, thoughts, asked]: [string[], string[], string[]] = [[], [], []]
  const onMessage = ({ id, method, params }: Message): void => {
    if (method === 'session/request_permission') {
      asked.push(params?.toolCall?.title ?? '')
      const optionId = params?.options?.find(({ kind }) => kind === 'allow_once')?.optionId
      rpc.send({ id, result: { outcome: { outcome: 'selected', optionId } } })
    }
    const block = textBlock.safeParse(params?.update?.content)
    if (!block.success) return
    if (params?.update?.sessionUpdate === 'agent_message_chunk') messages.push(block.data.text)
    if (params?.update?.sessionUpdate === 'agent_thought_chunk') thoughts.push(block.data.text)
  }
  const result = await rpc.request('session/prompt', { sessionId, prompt: [{ type: 'text', text }] }, onMessage)
  return { stopReason: z.object({ stopReason: z.string() }).parse(result).stopReason, messages, thoughts, asked }
}
