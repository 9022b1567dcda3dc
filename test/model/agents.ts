import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const program = join(import.meta.dirname, 'pipe-agent.mjs')

/** What an agent was told about a call that it had asked about. */
export type Leave = 'allowed' | 'refused'

/** The agent of one session, while it works on one prompt. It does only what it is told to do here. */
export interface Turn {
  say(text: string): void
  /** Asks for leave to run a call. */
  askLeave(callId: string, command: string): void
  /** Puts a question that wants one word. */
  askWord(questionId: string): void
  /** Tells that a call that was allowed has run. */
  finishCall(callId: string, output?: string): void
  end(): void
}

/** The agents of a daemon, all of them led from here. */
export interface Agents extends AsyncDisposable {
  /** Arguments for the daemon. */
  readonly args: readonly string[]
  /** The latest turn whose prompt ends with this text; resolves when the agent has been given it. */
  turn(text: string): Promise<Turn>
  /** How often each call was allowed, as its agent was told. */
  readonly allowed: ReadonlyMap<string, number>
  /** What a call's agent is told; resolves when it is. */
  leave(callId: string): Promise<Leave>
  /** What the agent was answered, as `accept:<word>` or the action alone. */
  answer(questionId: string): Promise<string>
  /** Prompts that came and were not for an earlier denial. */
  readonly prompts: readonly string[]
}

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
}

/** Something that comes later, by name, and stays. */
class Arrivals<T> {
  readonly #all = new Map<string, PromiseWithResolvers<T>>()

  of(name: string): PromiseWithResolvers<T> {
    const known = this.#all.get(name) ?? Promise.withResolvers<T>()
    this.#all.set(name, known)
    return known
  }
}

/** Listens at `path` for the agents of one daemon after the other. */
export async function openAgents(path: string): Promise<Agents> {
  const turns: { readonly text: string; readonly turn: Turn }[] = []
  const waiting = new Set<() => void>()
  const leaves = new Arrivals<Leave>()
  const answers = new Arrivals<string>()
  const allowed = new Map<string, number>()
  const sockets = new Set<Socket>()
  const stage: Stage = {
    begin(text, turn) {
      turns.push({ text, turn })
      for (const look of waiting) look()
    },
    left(callId, leave) {
      if (leave === 'allowed') allowed.set(callId, (allowed.get(callId) ?? 0) + 1)
      leaves.of(callId).resolve(leave)
    },
    answered: (questionId, answer) => answers.of(questionId).resolve(answer),
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    perform(socket, stage)
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    args: ['--agent', `led=${process.execPath} ${program} ${path}`],
    allowed,
    get prompts() {
      return turns.map(({ text }) => text)
    },
    leave: (callId) => patiently(leaves.of(callId).promise, `the word on ${callId}`),
    answer: (questionId) => patiently(answers.of(questionId).promise, `the answer to ${questionId}`),
    turn(text) {
      const found = Promise.withResolvers<Turn>()
      const look = () => {
        const turn = turns.findLast((one) => one.text.endsWith(text))?.turn
        if (turn === undefined) return
        waiting.delete(look)
        found.resolve(turn)
      }
      waiting.add(look)
      look()
      return patiently(found.promise, `the prompt of ${text}`)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** How long something may take that the model says will come. It ends a test that has failed, nothing more. */
export const PATIENCE_MS = 10_000

async function patiently<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${what} did not come to the agent`)), PATIENCE_MS)
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

interface Stage {
  begin(text: string, turn: Turn): void
  left(callId: string, leave: Leave): void
  answered(questionId: string, answer: string): void
}

const options = [
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
]

/** Speaks the protocol of agents with one daemon. */
function perform(socket: Socket, stage: Stage): void {
  const asked = new Map<number | string, (result: Readonly<Record<string, unknown>>) => void>()
  let lastId = 0
  let ending: ((stopReason: string) => void) | null = null
  const write = (message: object) => void (socket.writable && socket.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`))
  const update = (fields: object) => write({ method: 'session/update', params: { sessionId: 's', update: fields } })
  const ask = (method: string, params: object, hear: (result: Readonly<Record<string, unknown>>) => void) => {
    lastId += 1
    asked.set(lastId, hear)
    write({ id: lastId, method, params: { sessionId: 's', ...params } })
  }
  const turn: Turn = {
    say: (text) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } }),
    askLeave(callId, command) {
      const toolCall = { toolCallId: callId, title: command, kind: 'execute', rawInput: { command } }
      ask('session/request_permission', { toolCall, options }, (result) => {
        stage.left(callId, JSON.stringify(result).includes('"yes"') ? 'allowed' : 'refused')
      })
    },
    askWord(questionId) {
      const requestedSchema = { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] }
      ask('elicitation/create', { mode: 'form', message: questionId, requestedSchema }, ({ action, content }) => {
        const word = (content as { word?: unknown } | undefined)?.word
        stage.answered(questionId, action === 'accept' ? `accept:${String(word)}` : String(action))
      })
    },
    finishCall: (callId, output = 'ran') =>
      update({
        sessionUpdate: 'tool_call_update',
        toolCallId: callId,
        status: 'completed',
        content: [{ type: 'content', content: { type: 'text', text: output } }],
      }),
    end: () => ending?.('end_turn'),
  }
  const methods: Readonly<Record<string, (message: Message) => void>> = {
    initialize: ({ id }) => write({ id, result: { protocolVersion: 1, agentCapabilities: {} } }),
    'session/new': ({ id }) => write({ id, result: { sessionId: 's' } }),
    'session/cancel': () => ending?.('cancelled'),
    'session/prompt'({ id, params }) {
      const blocks = params?.['prompt'] as readonly { readonly text?: string }[] | undefined
      // An agent that has not seen what was before is told that first.
      const text = (blocks?.map((block) => block.text).join('\n') ?? '').trimEnd()
      ending = (stopReason) => {
        ending = null
        write({ id, result: { stopReason } })
      }
      // The daemon tells why it denied; this agent has nothing to say to that.
      if (text.includes('Denied: ')) ending('end_turn')
      else stage.begin(text, turn)
    },
  }
  createInterface({ input: socket }).on('line', (line) => {
    const message = JSON.parse(line) as Message
    const { id, method, result } = message
    if (method !== undefined) {
      const known = methods[method]
      if (known !== undefined) known(message)
      else if (id !== undefined) write({ id, error: { code: -32_601, message: 'not known' } })
    } else if (id !== undefined) asked.get(id)?.(result ?? {})
  })
}
