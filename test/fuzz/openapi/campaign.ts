import { Agent } from 'node:http'
import * as fc from 'fast-check'
import type { TestClient } from '../../harness/client.ts'
import { readDocument, type ApiDocument } from './document.ts'
import { exchange, type FuzzAnswer } from './exchange.ts'
import { faultOf } from './judge.ts'
import { Living } from './living.ts'
import { toCurl, toRequest, type FuzzRequest } from './request.ts'
import { wishes, type Wish } from './wish.ts'

export interface CampaignOptions {
  readonly client: TestClient
  readonly workspace: string
  readonly requests: number
  readonly seed: number
  /** How many are under way at once. */
  readonly workers?: number
}

export interface Campaign {
  /** Requests that were answered, those of shrinking among them. */
  readonly sent: number
  /** Operation -> status -> how often. Requests that reach none are under `-`. */
  readonly statuses: ReadonlyMap<string, ReadonlyMap<number, number>>
  /** What is wrong, each with the smallest request that shows it and the seed that leads to it. */
  readonly faults: readonly string[]
  /** Operations that have never answered well; those of replays are not expected to. */
  readonly unreached: readonly string[]
}

/** Starts a real agent each time: left to chance. */
const costly: ReadonlySet<string> = new Set(['verifyRuntime'])
/** Only `codesdkd replay` has sessions for them. */
const ofReplays: ReadonlySet<string> = new Set(['getReplay', 'updateReplay', 'stepReplay'])
const BATCH = 40
const REFRESH_EVERY = 400

/** Sends random requests, made from the document that the daemon itself serves, and looks at every answer. */
export async function runCampaign({ client, workspace, requests, seed, workers = 8 }: CampaignOptions): Promise<Campaign> {
  const document = readDocument((await client.get('/openapi.json')).body)
  const living = new Living(client, workspace)
  await living.refresh()
  const run = new Run(client, document, living)
  const batches = Math.ceil(requests / BATCH)
  const all = wishes(document)
  let next = 0
  const work = async () => {
    while (next < batches) {
      const batch = next++
      if (batch % (REFRESH_EVERY / BATCH) === 0) await living.refresh()
      await run.batch(all, seed + batch)
    }
  }
  try {
    await Promise.all(Array.from({ length: workers }, work))
    // Some answer well only to who is quick: a call that waits is soon over.
    for (let round = 0; round < 10; round += 1) {
      const left = run.report().unreached.filter((id) => !costly.has(id))
      if (left.length === 0) break
      await living.refresh()
      const operations = document.operations.filter(({ operationId }) => left.includes(operationId))
      await run.batch(wishes(document, operations), seed + batches + round)
    }
  } finally {
    run[Symbol.dispose]()
  }
  return run.report()
}

/** One campaign under way. */
class Run implements Disposable {
  readonly #client: TestClient
  readonly #document: ApiDocument
  readonly #living: Living
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 })
  readonly #statuses = new Map<string, Map<number, number>>()
  readonly #known = new Set<string>()
  readonly #faults: string[] = []
  #sent = 0

  constructor(client: TestClient, document: ApiDocument, living: Living) {
    this.#client = client
    this.#document = document
    this.#living = living
  }

  /** A number of requests one after the other; the first that shows something new is made as small as can be. */
  async batch(all: fc.Arbitrary<Wish>, seed: number): Promise<void> {
    const known = new Set(this.#known)
    const details = await fc.check(
      fc.asyncProperty(all, (wish) => this.#try(wish, known)),
      { seed, numRuns: BATCH, interruptAfterTimeLimit: 60_000 },
    )
    if (details.failed && details.errorInstance instanceof Fault && !this.#known.has(details.errorInstance.kind)) {
      const { kind, message } = details.errorInstance
      this.#known.add(kind)
      this.#faults.push(`${message}\n  seed ${seed}, path ${details.counterexamplePath ?? ''}`)
    } else if (details.failed && !(details.errorInstance instanceof Fault)) throw details.errorInstance
  }

  report(): Campaign {
    const well = (statuses: ReadonlyMap<number, number> | undefined) => [...(statuses?.keys() ?? [])].some((status) => status < 300)
    return {
      sent: this.#sent,
      statuses: this.#statuses,
      faults: this.#faults,
      unreached: this.#document.operations
        .map(({ operationId }) => operationId)
        .filter((id) => !ofReplays.has(id) && !well(this.#statuses.get(id))),
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async #try(wish: Wish, known: ReadonlySet<string>): Promise<void> {
    const request = toRequest(wish, this.#living)
    const reached = this.#document.find(request.method, request.target.split('?')[0] ?? '')
    const id = reached?.operationId ?? '-'
    const fail = (fault: string) => {
      const kind = `${id} ${fault.replaceAll(/[0-9a-f]{8,}|\d{2,}|in \{.*/gs, '#').slice(0, 80)}`
      if (!known.has(kind))
        throw new Fault(kind, `${request.method} ${request.target.slice(0, 80)}: ${fault}\n  ${toCurl(this.#client.url, request)}`)
    }
    const answer = await exchange(this.#agent, this.#client.url, request).catch((error: unknown) => fail(`no answer: ${String(error)}`))
    if (answer === null || answer === undefined) return
    this.#count(id, request, answer)
    const fault = faultOf(this.#document, request, reached, answer)
    if (fault !== null) fail(fault)
    if (reached !== undefined && (answer.status === 201 || answer.status === 202)) this.#living.learn(reached, JSON.parse(answer.body))
  }

  #count(id: string, { method }: FuzzRequest, { status }: FuzzAnswer): void {
    this.#sent += 1
    if (method === 'HEAD') return
    const statuses = this.#statuses.get(id) ?? new Map<number, number>()
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    this.#statuses.set(id, statuses)
  }
}

class Fault extends Error {
  readonly kind: string

  constructor(kind: string, message: string) {
    super(message)
    this.kind = kind
  }
}
