import { readFile, rm } from 'node:fs/promises'
import * as path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { clearDirectory, replaceFile, replaceKnownFile } from '../own-files.ts'
import { readTextFile } from '../text-file.ts'
import { isSamePerson } from '../token-claims.ts'
import { watchFile } from '../watched-file.ts'

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
type LoginTokens = z.infer<typeof loginTokens>
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
  readonly #watchers: readonly Disposable[]
  #level: Promise<boolean>
  #stale = false

  constructor(home: string, original: string) {
    this.#home = home
    this.#original = original
    // Where nothing can be watched, the end of the agent still is seen.
    this.#watchers = [path.join(home, fileName), original].map((file) => watchFile(file, () => this.#changed()))
    this.#level = level(home, original)
  }

  /** Resolves when both sides say the same, as far as is known by now. Never rejects. */
  async settled(): Promise<void> {
    await this.#level
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers) watcher[Symbol.dispose]()
    await this.#level
    await clearDirectory(path.join(this.#home, fileName))
    if (await level(this.#home, this.#original)) await rm(path.join(this.#home, fileName), { recursive: true, force: true })
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
    const copy = toLogin((await readTextFile(home, path.join(home, fileName), maxBytes)) ?? '')
    const merged = copy === null ? null : merge(kept, copy)
    // Whoever logs in or out in this very moment is heard first.
    if (merged !== null) return (await replaceKnownFile(original, text, toText(merged))) || (await level(home, original))
    if (copy === null || !isSame(copy, kept)) await replaceFile(path.join(home, fileName), toText(kept))
    return true
  } catch {
    return false
  }
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
  if (!isDeepStrictEqual(identityOf(copy), identityOf(kept)) || !isOfSamePerson(kept.tokens, copy.tokens)) return null
  return { ...kept, tokens: { ...kept.tokens, ...toRefreshed(copy) }, last_refresh: copy.last_refresh }
}

function isOfSamePerson(kept: LoginTokens, copy: LoginTokens): boolean {
  return isSamePerson(kept.id_token, copy.id_token) && isSamePerson(kept.access_token, copy.access_token)
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
