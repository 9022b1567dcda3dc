import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { CheckSchema } from '../core/tools.ts'
import type { SchemaNews, SchemaTask } from './schema-worker.ts'

/** Characters of a schema as JSON, and of a value. */
const SCHEMA_LIMIT = 64 * 1024
const VALUE_LIMIT = 8 * 1024 ** 2
const DEPTH_LIMIT = 64
/** Up to here a check takes no time worth a thread, if the schema is simple. */
const SMALL = 8 * 1024
const hard: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', 'pattern', 'patternProperties', 'uniqueItems', 'propertyNames', '$id'])

export interface SchemaCheckOptions {
  /** Checks a small value by a schema without references and patterns; throws for a schema that cannot be used. */
  readonly simple: (schema: unknown, value: unknown) => readonly string[]
  /** Milliseconds for one check; default 2000. */
  readonly limitMs?: number
}

export interface SchemaCheck extends AsyncDisposable {
  /** What is wrong with a value; a value that cannot be checked in time is wrong. Rejects for a schema that cannot be used. */
  readonly check: CheckSchema
}

/**
 * Checks values by JSON Schema 2020-12. Schemas and values come from strangers: nothing is fetched, references lead only into the schema
 * itself, and what could take long is done by a thread of its own, one check after the other, each with a time limit.
 */
export function createSchemaCheck({ simple, limitMs = 2000 }: SchemaCheckOptions): SchemaCheck {
  let thread: Thread | null = null
  let last: Promise<unknown> = Promise.resolve()
  let ended = false
  const drop = async () => {
    const gone = thread
    thread = null
    await gone?.worker.terminate()
  }
  const inThread = async (task: SchemaTask): Promise<readonly string[]> => {
    if (ended) throw new Error('the daemon is ending')
    thread ??= openThread()
    const verdict = await ask(thread, task, limitMs)
    if (verdict.kind === 'lost') await drop()
    else if (verdict.kind === 'checked') return verdict.faults
    if (verdict.kind === 'unusable') throw new Error(verdict.reason)
    if (!verdict.compiled) throw new Error('the schema is too much work')
    return ['it could not be checked in time']
  }
  return {
    async check(schema, value) {
      const task = { schema: toJson(schema, 'schema', SCHEMA_LIMIT), value: toJson(value, 'value', VALUE_LIMIT) }
      const simpleEnough = !inspect(schema, 0) && task.schema.length <= SMALL && task.value.length <= SMALL
      if (simpleEnough) return simple(schema, value)
      const faults = last.then(() => inThread(task))
      last = faults.catch(() => {})
      return await faults
    },
    async [Symbol.asyncDispose]() {
      ended = true
      await drop()
      await last
    },
  }
}

interface Thread {
  readonly worker: Worker
  /** Rejects when it could not be loaded; never settles when it was ended before. */
  readonly ready: Promise<unknown>
}

function openThread(): Thread {
  const worker = new Worker(new URL('schema-worker.ts', import.meta.url), {
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  })
  worker.unref()
  // Told to whoever asked; nobody may have.
  worker.on('error', () => {})
  // The first that it says is that it is ready.
  const ready = once(worker, 'message')
  ready.catch(() => {})
  return { worker, ready }
}

type Verdict = Extract<SchemaNews, { kind: 'unusable' | 'checked' }> | { readonly kind: 'lost'; readonly compiled: boolean }

/** Never rejects. */
function ask({ worker, ready }: Thread, task: SchemaTask, limitMs: number): Promise<Verdict> {
  const { promise, resolve } = Promise.withResolvers<Verdict>()
  let compiled = false
  const lost = () => resolve({ kind: 'lost', compiled })
  let late: NodeJS.Timeout | null = null
  let over = false
  const begin = () => {
    if (!over) late = setTimeout(lost, limitMs)
  }
  const hear = (news: SchemaNews) => {
    if (news.kind === 'compiled') compiled = true
    else if (news.kind === 'unusable' || news.kind === 'checked') resolve(news)
  }
  worker.on('message', hear)
  worker.once('exit', lost)
  // To start takes time of its own, which is not the schema's fault.
  void ready.then(begin, lost)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage(task)
  return promise.finally(() => {
    over = true
    if (late !== null) clearTimeout(late)
    worker.off('message', hear)
    worker.off('exit', lost)
  })
}

/** Whether a schema needs a thread. Throws for what is not supported. */
function inspect(part: unknown, depth: number): boolean {
  if (typeof part !== 'object' || part === null) return false
  if (depth > DEPTH_LIMIT) throw new Error('the schema is too deep')
  let found = depth > 16
  for (const [key, value] of Object.entries(part)) {
    if (key === '$async' || key === '$recursiveRef') throw new Error(`${key} is not supported`)
    if ((key === '$ref' || key === '$dynamicRef') && typeof value === 'string' && !value.startsWith('#'))
      throw new Error(`${key} may only lead into the schema itself`)
    if (hard.has(key)) found = true
    if (inspect(value, depth + 1)) found = true
  }
  return found
}

function toJson(value: unknown, what: string, limit: number): string {
  let json: string
  try {
    json = JSON.stringify(value) ?? 'null'
  } catch {
    throw new Error(`the ${what} is too deep`)
  }
  if (json.length > limit) throw new Error(`the ${what} is too large`)
  return json
}
