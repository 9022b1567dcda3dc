import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { Op } from './trace.ts'

interface Inode {
  readonly directory: boolean
  /** What is on the disk for certain. */
  durable: Buffer
  /** What was written since, in order. */
  pending: Change[]
}

type Change = { readonly offset: number; readonly data: Buffer } | { readonly size: number }

interface Entry {
  durable: Inode | null
  /** What the name meant since it was synced last, in order. */
  states: (Inode | null)[]
}

/** What becomes of what was never synced: given how many changes there are, those that reach the disk, and where each is torn. */
export interface Fate {
  /** Which of a file's unsynced changes are kept. */
  keep(count: number): readonly boolean[]
  /** How much of a write reaches the disk. Bytes. */
  torn(length: number): number
  /** Which of the states of a name is kept; 0 is the one that is synced. */
  name(count: number): number
}

/**
 * A disk as POSIX promises it: content is there after a sync of the file, a name after a sync of its directory, and of all else
 * anything may be there or not, each by itself.
 */
export class Disk {
  readonly #root: string
  readonly #entries = new Map<string, Entry>()
  readonly #positions = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  apply(op: Op): void {
    switch (op.kind) {
      case 'open':
        return this.#open(op)
      case 'write': {
        const offset = op.offset ?? this.#positions.get(op.fd) ?? 0
        if (op.offset === null) this.#positions.set(op.fd, offset + op.data.length)
        this.#live(op.path)?.pending.push({ offset, data: op.data })
        return
      }
      case 'truncate':
        this.#live(op.path)?.pending.push({ size: op.size })
        return
      case 'sync':
        return this.#sync(op.path)
      case 'mkdir':
        return this.#name(op.path, { directory: true, durable: Buffer.alloc(0), pending: [] })
      case 'remove':
        return this.#name(op.path, null)
      case 'rename': {
        const moved = this.#live(op.from)
        this.#name(op.to, moved)
        return this.#name(op.from, null)
      }
      case 'send':
        return
      default:
        return op satisfies never
    }
  }

  /** Whether the power could take anything now. */
  get unsynced(): number {
    let count = 0
    for (const { durable, states } of this.#entries.values()) {
      const live = states.at(-1) ?? durable
      count += states.length + (live?.pending.length ?? 0)
    }
    return count
  }

  /** Writes down below `target` what a disk may hold that lost its power now. */
  write(target: string, fate: Fate): void {
    const contents = new Map<Inode, Buffer>()
    const made = new Set([this.#root])
    for (const [path, { durable, states }] of [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const inode = [durable, ...states][fate.name(states.length + 1)] ?? null
      if (inode === null || !made.has(dirname(path))) continue
      const at = join(target, relative(this.#root, path))
      if (inode.directory) {
        mkdirSync(at, { mode: 0o700 })
        made.add(path)
      } else {
        const content = contents.get(inode) ?? toContent(inode, fate)
        contents.set(inode, content)
        // Its size is all that is looked at.
        writeFileSync(at, basename(path) === 'ballast' ? '' : content, { mode: 0o600 })
        if (basename(path) === 'ballast') truncateSync(at, content.length)
      }
    }
  }

  #open({ path, fd, truncate }: Extract<Op, { kind: 'open' }>): void {
    const there = this.#live(path)
    if (there === null) this.#name(path, { directory: false, durable: Buffer.alloc(0), pending: [] })
    else if (truncate) there.pending.push({ size: 0 })
    this.#positions.set(fd, 0)
  }

  #live(path: string): Inode | null {
    const entry = this.#entries.get(path)
    return entry === undefined ? null : entry.states.at(-1) === undefined ? entry.durable : (entry.states.at(-1) ?? null)
  }

  #name(path: string, inode: Inode | null): void {
    const entry = this.#entries.get(path) ?? { durable: null, states: [] }
    entry.states.push(inode)
    this.#entries.set(path, entry)
  }

  #sync(path: string): void {
    const inode = this.#live(path)
    if (inode !== null) {
      inode.durable = inode.pending.reduce(toChanged, inode.durable)
      inode.pending = []
    }
    for (const [name, entry] of this.#entries) {
      if (dirname(name) !== path) continue
      entry.durable = entry.states.length === 0 ? entry.durable : (entry.states.at(-1) ?? null)
      entry.states = []
    }
  }
}

function toContent({ durable, pending }: Inode, fate: Fate): Buffer {
  const kept = fate.keep(pending.length)
  return pending.reduce((content, change, index) => {
    if (kept[index] !== true) return content
    return toChanged(content, 'size' in change ? change : { ...change, data: change.data.subarray(0, fate.torn(change.data.length)) })
  }, durable)
}

function toChanged(content: Buffer, change: Change): Buffer {
  if ('size' in change) return Buffer.concat([content.subarray(0, change.size), Buffer.alloc(Math.max(0, change.size - content.length))])
  const whole = Buffer.concat([content, Buffer.alloc(Math.max(0, change.offset + change.data.length - content.length))])
  change.data.copy(whole, change.offset)
  return whole
}
