import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LoadAnswer, LoadMessage, Order } from './load-order.ts'

type AnswerTo<K extends Order['kind']> = Extract<
  LoadAnswer,
  { kind: { follow: 'followed'; replay: 'replayed'; pages: 'paged'; requests: 'requested' }[K] }
>

/** The process that puts load on a server, so that the one who measures has nothing else to do. */
export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'load.ts'), { stdio: 'inherit', execArgv: ['--max-old-space-size=1024'] })
  }

  /** Resolves with what came of it; rejects with what went wrong there. */
  async run<K extends Order['kind']>(order: Extract<Order, { kind: K }>): Promise<AnswerTo<K>> {
    const done = this.#next()
    this.#child.send(order)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each kind of order has one kind of answer
    return (await done) as AnswerTo<K>
  }

  /** Resolves when all readers have caught up; then `done` is what they have seen at the end of a task. */
  async follow(order: Extract<Order, { kind: 'follow' }>): Promise<{ readonly done: Promise<AnswerTo<'follow'>> }> {
    const ready = this.#next()
    this.#child.send(order)
    await ready
    const done = this.#next() as Promise<AnswerTo<'follow'>>
    done.catch(() => {})
    return { done }
  }

  async #next(): Promise<LoadMessage> {
    const stop = new AbortController()
    const { signal } = stop
    const exit = once(this.#child, 'exit', { signal }).then(() => Promise.reject(new Error('the load process has ended')))
    try {
      const [message] = (await Promise.race([once(this.#child, 'message', { signal }), exit])) as [LoadMessage]
      if (message.kind === 'failed') throw new Error(`load: ${message.message}`)
      return message
    } finally {
      exit.catch(() => {})
      stop.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
