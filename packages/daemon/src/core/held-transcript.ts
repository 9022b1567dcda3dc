import type { Event } from '@codesdkd/protocol'
import { toHeldMessage, type HeldMessage } from './held-messages.ts'
import { addToTranscript, emptyTaskTranscript, toMessages } from './transcript.ts'

/** Characters of an answer from which on it is remembered as a message of its own: an agent may go on for hours, and all of it is not to be kept until it ends. */
const LONG = 64 * 1024

/** What a session remembers of its conversation; grows with its events. */
export class HeldTranscript {
  readonly #hash: (value: unknown) => string
  readonly #ended: HeldMessage[]
  #task: HeldMessage[] = []
  #open = emptyTaskTranscript

  constructor(hash: (value: unknown) => string, ended: readonly HeldMessage[] = []) {
    this.#hash = hash
    this.#ended = [...ended]
  }

  /** Of the tasks that have ended. */
  get messages(): readonly HeldMessage[] {
    return this.#ended
  }

  add(event: Event): void {
    if (event.type === 'task.started') this.#forget()
    this.#open = addToTranscript(this.#open, event)
    if (this.#open.length > LONG) this.#close()
  }

  /** The task has ended: what it said belongs to the conversation. */
  end(): void {
    this.#close()
    this.#ended.push(...this.#task)
    this.#forget()
  }

  #close(): void {
    for (const message of toMessages(this.#open)) this.#task.push(toHeldMessage(message, this.#hash))
    this.#open = emptyTaskTranscript
  }

  #forget(): void {
    this.#task = []
    this.#open = emptyTaskTranscript
  }
}
