import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault, Round } from './fault.ts'
import { launch } from './launch.ts'
import { createRandom } from './random.ts'

const agent = join(import.meta.dirname, 'scripted-agent.mjs')

export interface Extent {
  /** Rounds; default: as many as the fault says for this length. */
  readonly rounds?: number | undefined
  readonly seed: number
  readonly long: boolean
  /** Ends a fault that never ends. Default: 3 minutes for one round. */
  readonly limitMs?: number
  /** Told of each violation at once. */
  readonly report?: (violation: Violation) => void
}

export interface Violation {
  readonly round: number
  readonly error: unknown
}

/** Nothing was injected, so nothing was shown. */
class Skipped extends Error {}

/** What came of all rounds of one fault. */
export interface Finding {
  readonly fault: Fault
  /** Why it was not injected; null where it was. */
  readonly skipped: string | null
  readonly rounds: number
  readonly violations: readonly Violation[]
  /** Of the slowest round. */
  readonly worstMs: number
  readonly seed: number
  /** Name -> the last value, or the highest where they are numbers. */
  readonly figures: ReadonlyMap<string, string | number>
}

/** Runs the rounds of a fault one after the other. Never rejects because of a violation. */
export async function runFault(fault: Fault, extent: Extent): Promise<Finding> {
  const { seed, long, rounds = long ? fault.rounds.long : fault.rounds.short, report } = extent
  const violations: Violation[] = []
  const figures = new Map<string, string | number>()
  let worstMs = 0
  await using kept = new Kept()
  for (let index = 0; index < rounds; index++) {
    const begun = performance.now()
    try {
      await within(runRound(fault, { index, seed, long, kept, figures }), extent.limitMs ?? 180_000)
    } catch (error) {
      if (error instanceof Skipped) return { fault, skipped: error.message, rounds: 0, violations: [], worstMs: 0, seed, figures }
      violations.push({ round: index, error })
      report?.({ round: index, error })
      // What the next rounds would go on with is no longer what they may rely on.
      await kept.drop()
    }
    worstMs = Math.max(worstMs, performance.now() - begun)
  }
  return { fault, skipped: null, rounds, violations, worstMs, seed, figures }
}

interface Around {
  readonly index: number
  readonly seed: number
  readonly long: boolean
  readonly kept: Kept
  readonly figures: Map<string, string | number>
}

async function runRound(fault: Fault, { index, seed, long, kept, figures }: Around): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'codesdkd-fault-'))
  // Agents that end may still be writing their last lines into their home.
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  const workspace = join(folder, 'workspace')
  mkdirSync(workspace)
  const pick = createRandom(seed * 1_000_003 + index)
  const marker = `marker-${crypto.randomUUID()}`
  const dataDir = join(folder, 'state')
  const round: Round = {
    index,
    long,
    random: pick.next,
    pick,
    folder,
    workspace,
    dataDir,
    marker,
    start: async ({ args = [], ...options } = {}) => stack.use(await launch({ ...options, args: toArgs(dataDir, args) })),
    session: (more = {}) => ({
      runtime: 'scripted',
      cwd: workspace,
      permissionMode: 'ask',
      credentialNamespace: 'test',
      env: { MARKER: marker },
      ...more,
    }),
    keep: (open) => kept.take(open),
    renew: () => kept.drop(),
    use: (resource) => stack.use(resource),
    skip: (why) => {
      throw new Skipped(why)
    },
    figure(name, value) {
      const before = figures.get(name)
      figures.set(name, typeof before === 'number' && typeof value === 'number' ? Math.max(before, value) : value)
    },
  }
  await fault.run(round)
}

/** Arguments of a daemon that knows the scripted agent. A later one wins over an earlier. */
export function toArgs(dataDir: string, more: readonly string[] = []): readonly string[] {
  const wall = more.includes('--sandbox') ? [] : ['--sandbox', 'off']
  const level = more.includes('--log-level') ? [] : ['--log-level', 'warn']
  return ['--data-dir', dataDir, ...level, ...wall, '--agent', `scripted=${process.execPath} ${agent}`, ...more]
}

/** What outlives a round. */
class Kept implements AsyncDisposable {
  #resource: Promise<AsyncDisposable> | null = null

  // One fault keeps one thing, so its type is that of its only opener.
  take<T extends AsyncDisposable>(open: () => Promise<T>): Promise<T> {
    this.#resource ??= open()
    return this.#resource as Promise<T>
  }

  async drop(): Promise<void> {
    const resource = await this.#resource?.catch(() => null)
    this.#resource = null
    await resource?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop()
  }
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`the round did not end within ${ms} ms`)), ms)
  try {
    await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
