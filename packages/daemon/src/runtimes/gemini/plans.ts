import { open } from 'node:fs/promises'
import type { Payload } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Answer, Decision, NativeCall, Observation, Question, TaskHost } from '../../core/ports.ts'
import { event } from '../observation.ts'

type Entries = Payload<'plan.updated'>['entries']

const planTool = 'write_todos'

const todo = z.object({ description: z.string(), status: z.string() })
const record = z.object({
  toolCalls: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      args: z
        .object({ todos: z.array(todo) })
        .nullish()
        .catch(null),
    }),
  ),
})

/** The todo lists in the agent's own file of a conversation. It tells a client only that there is one, and how long it is. */
export class PlanFile {
  readonly #file: string
  #offset = 0

  constructor(file: string) {
    this.#file = file
  }

  /** What was written since the last time: the list of each call by its id. Empty when the file cannot be read. */
  async read(): Promise<ReadonlyMap<string, Entries>> {
    const lines = await this.#readLines().catch(() => [])
    return new Map(lines.filter((line) => line.includes(planTool)).flatMap(toPlans))
  }

  // The agent writes whole lines; what comes after the last of them is read the next time.
  async #readLines(): Promise<readonly string[]> {
    await using file = await open(this.#file)
    const { size } = await file.stat()
    const buffer = Buffer.alloc(Math.max(0, size - this.#offset))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset)
    const whole = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1)
    this.#offset += whole.length
    return whole.toString('utf8').split('\n')
  }
}

/** A task's host that also hears of the todo lists, each as soon as it stands in the file. */
export class PlanTeller implements TaskHost {
  readonly #host: TaskHost
  readonly #file: PlanFile
  readonly #untold = new Set<string>()

  constructor(host: TaskHost, file: PlanFile) {
    this.#host = host
    this.#file = file
  }

  get signal(): AbortSignal {
    return this.#host.signal
  }

  async observe(observations: readonly Observation[]): Promise<void> {
    await this.tell()
    for (const seen of observations) if (seen.kind === 'call.unasked' && seen.call.name === planTool) this.#untold.add(seen.call.id)
    await this.#host.observe(observations)
  }

  /** Tells what was written meanwhile. The agent writes a list down when it has told that it is there. */
  async tell(): Promise<void> {
    if (this.#untold.size === 0) return
    for (const [id, entries] of await this.#file.read())
      if (this.#untold.delete(id)) await this.#host.observe([event({ type: 'plan.updated', payload: { entries: [...entries] } })])
  }

  async ask(call: NativeCall): Promise<Decision> {
    await this.tell()
    return await this.#host.ask(call)
  }

  answer(question: Question): Promise<Answer> {
    return this.#host.answer(question)
  }
}

function toPlans(line: string): readonly (readonly [id: string, Entries])[] {
  try {
    const { toolCalls } = record.parse(JSON.parse(line))
    return toolCalls.flatMap(({ id, name, args }) =>
      name === planTool && args != null
        ? [[id, args.todos.map(({ description: text, status }) => ({ text, status: toStatus(status) }))] as const]
        : [],
    )
  } catch {
    return []
  }
}

// It also knows what is blocked or given up.
function toStatus(status: string): Entries[number]['status'] {
  return status === 'completed' || status === 'in_progress' ? status : 'pending'
}
