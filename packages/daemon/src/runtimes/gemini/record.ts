import type { Payload, Usage } from '@codesdkd/protocol'
import * as z from 'zod'
import { openInside } from '../own-files.ts'

export type Entries = Payload<'plan.updated'>['entries']

/** What the agent has written down of a conversation, and tells no client. */
export interface Recorded {
  /** Todo lists by the id of the call that made them. */
  readonly plans: ReadonlyMap<string, Entries>
  /** Tokens of calls of the model, in order. */
  readonly usages: readonly Usage[]
}

const planTool = 'write_todos'
/** The most that is read at once; more than the agent ever writes in one line. */
const maxBytes = 64 * 1024 * 1024

const todo = z.object({ description: z.string(), status: z.string() })
const count = z.int().nonnegative()
const message = z.object({
  id: z.string(),
  tokens: z.object({ input: count, output: count, cached: count, thoughts: count }).nullish().catch(null),
  toolCalls: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        args: z
          .object({ todos: z.array(todo) })
          .nullish()
          .catch(null),
      }),
    )
    .catch([]),
})
type Message = z.infer<typeof message>

/** The agent's own file of a conversation. */
export class ConversationRecord {
  readonly #home: string
  readonly #file: string
  readonly #counted = new Set<string>()
  #offset = 0
  #reading: Promise<readonly string[]> = Promise.resolve([])

  /** `home` is the agent's; what leads out of it is not read. */
  constructor(home: string, file: string) {
    this.#home = home
    this.#file = file
  }

  /** What was written since the last time. Nothing when the file cannot be read. */
  async read(): Promise<Recorded> {
    // One after the other: two at once would both move on over what each of them has read.
    this.#reading = this.#reading.then(() => this.#readLines()).catch(() => [])
    const messages = (await this.#reading).flatMap(toMessage)
    return { plans: new Map(messages.flatMap(toPlans)), usages: messages.flatMap((each) => this.#toUsage(each)) }
  }

  // A message is written anew for each of its calls that has ended.
  #toUsage({ id, tokens }: Message): readonly Usage[] {
    if (tokens == null || this.#counted.has(id)) return []
    this.#counted.add(id)
    const { input, output, cached, thoughts } = tokens
    // It writes 0 for what the model did not tell.
    if (input === 0 && output === 0) return []
    return [
      { input_tokens: input, output_tokens: output + thoughts, cached_input_tokens: cached, reasoning_tokens: thoughts, cost_usd: null },
    ]
  }

  // The agent writes whole lines; what comes after the last of them is read the next time.
  async #readLines(): Promise<readonly string[]> {
    const found = await openInside(this.#home, this.#file)
    if (found === null) return []
    await using file = found
    const { size } = await file.stat()
    const buffer = Buffer.alloc(Math.min(Math.max(0, size - this.#offset), maxBytes))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset)
    const whole = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1)
    this.#offset += whole.length
    return whole.toString('utf8').split('\n')
  }
}

function toMessage(line: string): readonly Message[] {
  if (!line.includes('"tokens"') && !line.includes(planTool)) return []
  try {
    const parsed = message.safeParse(JSON.parse(line))
    return parsed.success ? [parsed.data] : []
  } catch {
    return []
  }
}

function toPlans({ toolCalls }: Message): readonly (readonly [id: string, Entries])[] {
  return toolCalls.flatMap(({ id, name, args }) =>
    name === planTool && args != null
      ? [[id, args.todos.map(({ description: text, status }) => ({ text, status: toStatus(status) }))] as const]
      : [],
  )
}

// It also knows what is blocked or given up.
function toStatus(status: string): Entries[number]['status'] {
  return status === 'completed' || status === 'in_progress' ? status : 'pending'
}
