import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import * as path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { openInside, writeOwnFile } from '../own-files.ts'

/** A login is a few KB. */
const maxBytes = 256 * 1024
/** How far ahead of ours the clock may be that a refresh was noted by. */
const skewMs = 5 * 60_000

const token = z.string().min(1)
const loginTokens = z.looseObject({ id_token: token, access_token: token, refresh_token: token, account_id: z.string().nullish() })
const loginFile = z.looseObject({
  auth_mode: z.string().nullish(),
  OPENAI_API_KEY: z.string().nullish(),
  tokens: loginTokens.nullish(),
  last_refresh: z.string().nullish(),
})
type LoginFile = z.infer<typeof loginFile>

/**
 * A copy of a login in the home of one session, for an agent behind the wall. Codex refreshes a login by putting a new file in the
 * place of the old one, which invalidates the tokens in every other: so both are watched, and what was refreshed last is brought
 * to the other side. Of what stands in the copy nothing but tokens of the same account ever gets into the original. Disposing it,
 * after the agent's end, does so for the last time and removes the copy, unless what stands in it could not be brought home.
 */
export class LoginCopy implements AsyncDisposable {
  readonly #home: string
  readonly #original: string
  readonly #watchers: readonly FSWatcher[]
  #level: Promise<boolean>
  #stale = false

  constructor(home: string, original: string) {
    this.#home = home
    this.#original = original
    this.#watchers = [...this.#watch(home, fileName), ...this.#watch(path.dirname(original), path.basename(original))]
    this.#level = level(home, original)
  }

  /** Resolves when both sides say the same, as far as is known by now. Never rejects. */
  async settled(): Promise<void> {
    await this.#level
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers) watcher.close()
    await this.#level
    if (await level(this.#home, this.#original)) await rm(path.join(this.#home, fileName), { recursive: true, force: true })
  }

  // Where nothing can be watched, the end of the agent still is seen.
  #watch(directory: string, name: string): readonly FSWatcher[] {
    try {
      const look = (_: string, found: string | null): void => (found === null || found === name ? this.#changed() : undefined)
      return [watch(directory, { persistent: false }, look).on('error', () => {})]
    } catch {
      return []
    }
  }

  // However often something changes, no more than one look waits for its turn.
  #changed(): void {
    if (this.#stale) return
    this.#stale = true
    this.#level = this.#level.then(() => {
      this.#stale = false
      return level(this.#home, this.#original)
    })
  }
}

const fileName = 'auth.json'

/** Brings the login that was refreshed last to the other side; false when it did not get there. Never rejects. */
async function level(home: string, original: string): Promise<boolean> {
  const text = await readFile(original, 'utf8').catch(() => null)
  // Whoever logged out meanwhile does not get the login back.
  if (text === null) return true
  const kept = toLogin(text)
  if (kept === null) return false
  try {
    const copy = toLogin(await readCopy(home))
    const merged = copy === null ? null : merge(kept, copy)
    if (merged !== null) await replace(original, toText(merged))
    else if (copy === null || !isSame(copy, kept)) await writeOwnFile(home, [fileName], toText(kept))
    return true
  } catch {
    return false
  }
}

async function readCopy(home: string): Promise<string> {
  await using file = await openInside(home, path.join(home, fileName))
  if (file === null) return ''
  const { size } = await file.stat()
  return size > maxBytes ? '' : await file.readFile('utf8')
}

function toLogin(text: string): LoginFile | null {
  try {
    return loginFile.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** The original with the tokens of the copy; null unless they are of the same account, and newer. */
function merge(kept: LoginFile, copy: LoginFile): LoginFile | null {
  const [before, after] = [toTime(kept), toTime(copy)]
  if (kept.tokens == null || copy.tokens == null || after <= before || after > Date.now() + skewMs) return null
  if (!isDeepStrictEqual(identityOf(copy), identityOf(kept))) return null
  return { ...kept, tokens: { ...kept.tokens, ...toRefreshed(copy) }, last_refresh: copy.last_refresh }
}

/** Whether they let in the same: Codex may write the rest of the file in its own way. */
function isSame(copy: LoginFile, kept: LoginFile): boolean {
  return isDeepStrictEqual([identityOf(copy), toRefreshed(copy)], [identityOf(kept), toRefreshed(kept)])
}

function toTime({ last_refresh }: LoginFile): number {
  const time = Date.parse(last_refresh ?? '')
  return Number.isNaN(time) ? 0 : time
}

function identityOf({ auth_mode, OPENAI_API_KEY, tokens }: LoginFile): readonly unknown[] {
  return [auth_mode ?? null, OPENAI_API_KEY ?? null, tokens?.account_id ?? null]
}

/** What a refresh changes; of a login without tokens, all of it. */
function toRefreshed({ tokens, ...rest }: LoginFile): Readonly<Record<string, unknown>> {
  if (tokens == null) return rest
  const { id_token, access_token, refresh_token } = tokens
  return { id_token, access_token, refresh_token }
}

const toText = (login: LoginFile): string => JSON.stringify(login, null, 2)

/** As a whole or not at all, and on the disk before the older tokens are gone. */
async function replace(file: string, content: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await using handle = await open(draft, 'wx', 0o600)
    await handle.writeFile(content)
    await handle.sync()
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}
