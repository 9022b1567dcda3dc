import { Problem } from '@codesdkd/protocol'
import type { Durability } from '../core/ports.ts'

export interface Committable {
  readonly durability: Durability
  /** Rough size, to bound one transaction; may grow until it is committed. */
  readonly bytes: number
}

export interface GroupCommitOptions<T> {
  /**
   * Makes the changes durable together, or throws and leaves no trace. `synced` also syncs whatever was committed
   * before; it may come with no change at all.
   */
  readonly commit: (changes: readonly T[], durability: Durability) => void
  /** Milliseconds that a lazy commit may stay unsynced; default 1000. */
  readonly syncMs?: number
  /** Milliseconds to the first retry, doubled up to the second number; default 100, 2000. */
  readonly retryMs?: readonly [number, number]
}

interface Queued<T> {
  readonly change: T
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

const maxChanges = 4096
const maxBytes = 1024 * 1024
/** After a failure: where little room is left, little may still fit. */
const cautiousBytes = 32 * 1024

/** Queues changes and commits, in order, all those of one turn of the event loop together. A change that cannot be committed blocks those behind it until it can. */
export class GroupCommit<T extends Committable> implements Disposable {
  readonly #commit: GroupCommitOptions<T>['commit']
  readonly #syncMs: number
  readonly #retryMs: readonly [number, number]
  #queue: Queued<T>[] = []
  #turn: NodeJS.Immediate | null = null
  #retry: NodeJS.Timeout | null = null
  #sync: NodeJS.Timeout | null = null
  #syncDue = false
  #backoff: number
  #failing = false
  #closed = false

  constructor({ commit, syncMs = 1000, retryMs = [100, 2000] }: GroupCommitOptions<T>) {
    this.#commit = commit
    this.#syncMs = syncMs
    this.#retryMs = retryMs
    this.#backoff = retryMs[0]
  }

  /** True from a commit that failed to the next one that succeeds. */
  get failing(): boolean {
    return this.#failing
  }

  /** Resolves after the commit. Rejects only when this is disposed first. */
  push(change: T): Promise<void> {
    if (this.#closed) return Promise.reject(closedProblem())
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, resolve, reject })
      this.#schedule()
    })
  }

  /** Commits what waits, as far as that succeeds, and rejects the rest. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0 && this.#commitNext());
    for (const { reject } of this.#queue) reject(closedProblem())
    this.#queue = []
    this.#clearTimers()
  }

  #schedule(): void {
    if (this.#turn !== null || this.#retry !== null) return
    this.#turn = setImmediate(() => this.#run())
  }

  #run(): void {
    if (this.#turn !== null) clearImmediate(this.#turn)
    this.#turn = null
    this.#retry = null
    if (this.#queue.length === 0 && !this.#syncDue) return
    if (!this.#commitNext()) return this.#retryLater()
    this.#backoff = this.#retryMs[0]
    if (this.#queue.length > 0) this.#schedule()
  }

  /** One transaction. Returns whether it succeeded. */
  #commitNext(): boolean {
    const count = this.#nextBatch()
    const changes = this.#queue.slice(0, count).map(({ change }) => change)
    const durability = this.#syncDue || changes.some((change) => change.durability === 'synced') ? 'synced' : 'lazy'
    try {
      this.#commit(changes, durability)
    } catch {
      this.#failing = true
      return false
    }
    this.#failing = false
    if (durability === 'synced') this.#synced()
    else this.#sync ??= setTimeout(() => this.#syncNow(), this.#syncMs).unref()
    for (const { resolve } of this.#queue.splice(0, count)) resolve()
    return true
  }

  /** How many changes go into the next transaction: those that wait, within bounds that keep the event loop responsive. */
  #nextBatch(): number {
    const bound = this.#failing ? cautiousBytes : maxBytes
    let bytes = 0
    let count = 0
    for (const { change } of this.#queue) {
      bytes += change.bytes
      if (count > 0 && bytes > bound) break
      count += 1
      if (count === maxChanges) break
    }
    return count
  }

  #syncNow(): void {
    this.#sync = null
    this.#syncDue = true
    if (!this.failing) this.#run()
  }

  #synced(): void {
    this.#syncDue = false
    if (this.#sync !== null) clearTimeout(this.#sync)
    this.#sync = null
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => this.#run(), this.#backoff).unref()
    this.#backoff = Math.min(2 * this.#backoff, this.#retryMs[1])
  }

  #clearTimers(): void {
    if (this.#turn !== null) clearImmediate(this.#turn)
    if (this.#retry !== null) clearTimeout(this.#retry)
    if (this.#sync !== null) clearTimeout(this.#sync)
  }
}

function closedProblem(): Problem {
  return new Problem('shutting_down', 'The log is closed.')
}
