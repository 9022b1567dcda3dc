import type { Message } from '@codesdkd/protocol'
import { toBlocks, toText } from '@codesdkd/protocol'
import type { Outcome, RuntimeSession, TaskSpec } from '../../core/ports.ts'
import type { ProcessTree } from '../../core/process-tree.ts'
import type { TaskHost } from '../../core/task-host.ts'
import { ConversationRecord } from './record.ts'
import { RecordTeller } from './teller.ts'
import { ModelWatch } from './watch.ts'
import { failed } from '../outcome.ts'

export interface GeminiSessionOptions {
  /** Milliseconds that the model may be silent. */
  readonly idleTimeoutMs: number
  /** The agent's home, and in it where it keeps the conversation. */
  readonly home: string
  readonly conversationFile: string
}

/** A conversation with the agent, without some habits of its own: it waits too long, forgets calls, and keeps its plans for itself. */
export class GeminiSession implements RuntimeSession {
  readonly #inner: RuntimeSession
  readonly #idleTimeoutMs: number
  readonly #record: ConversationRecord
  #spoiled = false

  constructor(inner: RuntimeSession, { idleTimeoutMs, home, conversationFile }: GeminiSessionOptions) {
    this.#inner = inner
    this.#idleTimeoutMs = idleTimeoutMs
    this.#record = new ConversationRecord(home, conversationFile)
  }

  get nativeId(): string | null {
    return this.#inner.nativeId
  }

  get resumed(): boolean {
    return this.#inner.resumed
  }

  get alive(): boolean {
    return !this.#spoiled && this.#inner.alive
  }

  async run(task: TaskSpec, host: TaskHost): Promise<Outcome> {
    // What stands there already belongs to earlier turns.
    await this.#record.read()
    const teller = new RecordTeller(host, this.#record)
    using watch = new ModelWatch(teller, this.#idleTimeoutMs)
    const outcome = await this.#inner.run({ ...task, messages: toPlainMessages(task.messages) }, watch)
    await teller.tell()
    // The agent forgets to tell its model what became of the last calls of a turn that did not come to its end, and the model's
    // API refuses such a conversation. The one on disk, which the next process loads, is whole.
    this.#spoiled = outcome.status !== 'completed' && watch.hadCalls
    if (outcome.status !== 'stopped') return outcome
    if (!watch.fellSilent) return outcome
    return failed({ code: 'model_stream_interrupted', message: 'The model fell silent.', retryable: true })
  }

  async processes(): Promise<ProcessTree | null> {
    return (await this.#inner.processes?.()) ?? null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }
}

/** The messages, so that none of them is a command for the agent itself: those begin with a slash or a dollar sign. */
export function toPlainMessages(messages: readonly Message[]): readonly Message[] {
  const [only] = messages
  if (only === undefined || messages.length > 1) return messages
  const blocks = toBlocks(only.content)
  if (!/^\s*[/$]/.test(toText(blocks.filter(({ type }) => type !== 'image')))) return messages
  return [{ ...only, content: [{ type: 'text', text: 'The user writes:' }, ...blocks] }]
}
