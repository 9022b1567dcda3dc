import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { credentialNamespace } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { isSystemError, writeDurably } from '../storage/durable-file.ts'
import { takeLock } from '../storage/lock.ts'

/** Which key: whose, of which runtime (wire name), and in which variable the agent would look for it. */
export interface KeyName {
  readonly namespace: string
  readonly runtime: string
  readonly variable: string
}

/** A key as it is stored. */
export interface StoredKey {
  /** Secret. */
  readonly value: string
  /** The base URL that it is for; null: its provider's own. */
  readonly endpoint: string | null
}

/** Which keys there are, and what they are for. */
export interface ListedKey extends KeyName {
  readonly endpoint: string | null
}

/** The keys that people have stored, one private file for each credential namespace. Whoever shares the data directory sees a change at once. */
export interface KeyStore {
  /** By runtime, then by variable. Throws `DamagedKeys`. */
  load(namespace: string): Readonly<Record<string, Readonly<Record<string, StoredKey>>>>
  /** On disk when it resolves. Rejects with `InvalidKey`, `DamagedKeys`, `StartFailure` (another process is at it for too long). */
  set(name: KeyName, value: string, endpoint?: string | null): Promise<void>
  /** Removes the keys of a runtime, or only the one of this variable; resolves to the names of what was removed. Rejects as `set` does. */
  remove(name: Omit<KeyName, 'variable'>, variable: string | null): Promise<readonly KeyName[]>
  /** Never a key, by namespace, runtime and variable. Makes nothing. Throws `DamagedKeys`. */
  list(): readonly ListedKey[]
}

/** A file of keys that cannot be understood. It is left as it is. */
export class DamagedKeys extends Error {
  override readonly name = 'DamagedKeys'

  constructor(path: string, what: 'is damaged' | 'cannot be read', cause?: unknown) {
    super(`The file ${path} with stored keys ${what}; mend it, or move it away and set the keys again.`, { cause })
  }
}

/** A key that no provider can have given; the message never has any part of it. */
export class InvalidKey extends Error {
  override readonly name = 'InvalidKey'
}

const SIZE_LIMIT = 16 * 1024
/** Milliseconds between two tries to be the one that writes, and how many there are. */
const LOCK_PAUSE = 50
const LOCK_TRIES = 100

// A list, because a record would leave out the name `__proto__`.
const stored = z.object({
  namespace: credentialNamespace,
  keys: z.array(z.object({ runtime: z.string(), variable: z.string(), value: z.string(), endpoint: z.string().optional() })),
})
type Stored = z.infer<typeof stored>

/** The directory is made with the first key. */
export function createKeyStore(dataDir: string): KeyStore {
  const directory = join(dataDir, 'keys')
  const fileOf = (namespace: string) => join(directory, `${createHash('sha256').update(namespace).digest('hex').slice(0, 32)}.json`)
  const read = (namespace: string) => readKeys(fileOf(namespace), namespace)

  async function change(namespace: string, toKeys: (keys: Stored['keys']) => Stored['keys']): Promise<void> {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    using _lock = await waitForLock(directory)
    const keys = toKeys(read(namespace))
    if (keys.length === 0) {
      rmSync(fileOf(namespace), { force: true })
      return
    }
    const temp = join(directory, 'tmp')
    mkdirSync(temp, { recursive: true, mode: 0o700 })
    writeDurably(fileOf(namespace), `${JSON.stringify({ namespace, keys } satisfies Stored, null, 2)}\n`, temp)
  }

  return {
    load(namespace) {
      const byRuntime = Map.groupBy(read(namespace), ({ runtime }) => runtime)
      return Object.fromEntries(
        [...byRuntime].map(([runtime, keys]) => [
          runtime,
          Object.fromEntries(keys.map(({ variable, value, endpoint = null }) => [variable, { value, endpoint }])),
        ]),
      )
    },
    async set({ namespace, runtime, variable }, value, endpoint = null) {
      checkKey(value)
      await change(namespace, (keys) => [
        ...keys.filter((key) => key.runtime !== runtime || key.variable !== variable),
        { runtime, variable, value, ...(endpoint === null ? {} : { endpoint }) },
      ])
    },
    async remove({ namespace, runtime }, variable) {
      const isMeant = (key: Stored['keys'][number]) => key.runtime === runtime && (variable === null || key.variable === variable)
      const found = read(namespace).filter(isMeant)
      if (found.length > 0) await change(namespace, (keys) => keys.filter((key) => !isMeant(key)))
      return found.map((key) => ({ namespace, runtime, variable: key.variable }))
    },
    list() {
      const files = listFiles(directory).filter((file) => /^[0-9a-f]{32}\.json$/.test(file))
      const found = files.flatMap((file) => readNames(join(directory, file)))
      return found.toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.runtime, b.runtime) || compare(a.variable, b.variable))
    },
  }
}

function checkKey(value: string): void {
  if (value === '') throw new InvalidKey('The key is empty.')
  if (Buffer.byteLength(value) > SIZE_LIMIT) throw new InvalidKey('The key is longer than 16 KB.')
  // What goes into a header as it is; anything else is a slip of whoever pasted it.
  if (!/^[\x21-\x7e]+$/.test(value))
    throw new InvalidKey('The key has a space, a line end or another character in it that no key has; paste the key alone.')
}

function readNames(path: string): readonly ListedKey[] {
  const { namespace, keys } = parseFile(path) ?? { namespace: '', keys: [] }
  return keys.map(({ runtime, variable, endpoint = null }) => ({ namespace, runtime, variable, endpoint }))
}

function readKeys(path: string, namespace: string): Stored['keys'] {
  const found = parseFile(path)
  if (found === null) return []
  if (found.namespace !== namespace) throw new DamagedKeys(path, 'is damaged')
  return found.keys
}

/** Null where there is no such file. */
function parseFile(path: string): Stored | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null
    throw new DamagedKeys(path, 'cannot be read', error)
  }
  try {
    return stored.parse(JSON.parse(text))
  } catch {
    // The parser's own message may quote what it read.
    throw new DamagedKeys(path, 'is damaged')
  }
}

function listFiles(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
}

/** Who reads and then writes does so alone: of two that set a key at once none is lost. */
async function waitForLock(directory: string): Promise<Disposable> {
  for (let tries = 1; ; tries++) {
    try {
      return takeLock(directory)
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error
      if (tries === LOCK_TRIES) throw new StartFailure('data_dir_locked', `The keys in ${directory} are being changed by another process.`)
    }
    await sleep(LOCK_PAUSE)
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
