import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Problem, toVerbs, type MintedToken, type MintToken } from '@codesdkd/protocol'
import type { Clock } from '../core/ports.ts'
import { owner, type Principal } from '../core/rights.ts'
import type { NamedToken, TokenSource } from '../core/token-source.ts'

export interface TokenRegistryOptions {
  /** The owner's own; null where there is none. */
  readonly ownerToken: string | null
  readonly named: TokenSource | null
  readonly clock: Clock
  /** What nothing may show: told of every token before it is used, and of the minted ones when they are over. */
  readonly secrets: { add(token: string): void; remove(token: string): void }
  readonly limit?: number
}

interface Holder {
  readonly key: string
  readonly digest: Buffer
  readonly principal: Principal
  readonly end: AbortController
}

interface Minted {
  readonly token: string
  readonly digest: Buffer
  readonly principal: Principal
  readonly minter: Principal
  /** Of the monotonic clock. */
  readonly expires: number
  readonly timer: NodeJS.Timeout
  readonly end: AbortController
}

const PREFIX = 'codesdkd_'
/** How often it is looked whether tokens of open streams are still in force. Milliseconds. */
const LOOK_MS = 1_000

/** All tokens that the daemon takes. Minted ones live here alone: they do not survive the process. */
export class TokenRegistry implements Disposable {
  readonly #options: TokenRegistryOptions
  readonly #owner: Buffer | null
  readonly #limit: number
  readonly #minted = new Map<string, Minted>()
  readonly #looking: NodeJS.Timeout | null
  #known: readonly NamedToken[] = []
  #holders: readonly Holder[] = []

  constructor(options: TokenRegistryOptions) {
    this.#options = options
    this.#limit = options.limit ?? 1_000
    this.#owner = options.ownerToken === null ? null : digestOf(options.ownerToken)
    this.#refresh()
    this.#looking = options.named === null ? null : setInterval(() => this.#refresh(), LOOK_MS).unref()
  }

  /** True for what can only be a token that was minted here or by a daemon before. */
  isMinted(token: string): boolean {
    return token.startsWith(PREFIX)
  }

  /** Whose token it is; null when it is nobody's. Takes the same time for every wrong one. */
  find(token: string): Principal | null {
    this.#refresh()
    const digest = digestOf(token)
    let found = this.#owner !== null && timingSafeEqual(digest, this.#owner) ? owner : null
    for (const holder of this.#holders) if (timingSafeEqual(digest, holder.digest)) found ??= holder.principal
    found ??= this.#findMinted(token, digest)
    if (found !== null && found.kind === 'named') this.#options.secrets.add(token)
    return found
  }

  /** A token with a part of the minter's rights. Throws `Problem`. Which sessions there are for the minter, the caller has to know. */
  mint(minter: Principal, { verbs: patterns, sessions, ttl_s }: MintToken): MintedToken {
    const verbs = new Set([...toVerbs(patterns)].filter((verb) => verb !== 'tokens:mint' || !patterns.includes('*')))
    const [beyond] = [...verbs].filter((verb) => verb === 'tokens:mint' || !minter.rights.verbs.has(verb))
    if (minter.kind === 'scoped' || beyond !== undefined) throw verbNotAllowed(beyond ?? 'tokens:mint', minter)
    const current = [...this.#minted.values()].filter((one) => one.minter === minter).length
    if (current >= this.#limit)
      throw new Problem('too_many_tokens', `At most ${this.#limit} tokens of one minter are live.`, {
        members: { limit: this.#limit, current },
      })
    const id = randomBytes(16).toString('hex')
    const token = `${PREFIX}${id}_${randomBytes(32).toString('base64url')}`
    this.#options.secrets.add(token)
    const end = new AbortController()
    const rights = { namespaces: minter.rights.namespaces, sessions: sessions === undefined ? null : new Set(sessions), verbs }
    this.#minted.set(id, {
      token,
      digest: digestOf(token),
      principal: { kind: 'scoped', name: minter.name === null ? id : `${minter.name}/${id}`, rights, ended: end.signal },
      minter,
      expires: this.#options.clock.monotonic() + ttl_s * 1_000,
      timer: setTimeout(() => this.#drop(id), ttl_s * 1_000).unref(),
      end,
    })
    const expires_at = new Date(Date.parse(this.#options.clock.now()) + ttl_s * 1_000).toISOString()
    return { token_id: id, token, sessions: sessions ?? null, verbs: [...verbs], expires_at }
  }

  /** Ends a token of the minter's own; the owner ends anybody's. Throws `token_not_found` for every other. */
  revoke(id: string, by: Principal): void {
    const minted = this.#minted.get(id)
    if (minted === undefined || (by.kind !== 'owner' && minted.minter !== by))
      throw new Problem('token_not_found', 'There is no such token.', { members: { token_id: id.slice(0, 64) } })
    this.#drop(id)
  }

  [Symbol.dispose](): void {
    if (this.#looking !== null) clearInterval(this.#looking)
    for (const { timer } of this.#minted.values()) clearTimeout(timer)
  }

  #findMinted(token: string, digest: Buffer): Principal | null {
    const minted = this.#minted.get(token.slice(PREFIX.length).split('_', 1)[0] ?? '')
    if (minted === undefined || !timingSafeEqual(digest, minted.digest)) return null
    return this.#options.clock.monotonic() < minted.expires ? minted.principal : null
  }

  #drop(id: string): void {
    const minted = this.#minted.get(id)
    if (minted === undefined) return
    clearTimeout(minted.timer)
    this.#minted.delete(id)
    this.#options.secrets.remove(minted.token)
    minted.end.abort()
  }

  /** Whose entry is as it was goes on; who is gone, or may something else now, ends with all that was minted. */
  #refresh(): void {
    const now = this.#options.named?.tokens() ?? []
    if (now === this.#known) return
    this.#known = now
    const before = new Map(this.#holders.map((holder) => [holder.key, holder]))
    this.#holders = now.map((one) => before.get(keyOf(one)) ?? this.#toHolder(one))
    const staying = new Set(this.#holders)
    for (const holder of before.values()) if (!staying.has(holder)) this.#end(holder)
  }

  #toHolder(named: NamedToken): Holder {
    if (named.token !== null) this.#options.secrets.add(named.token)
    const end = new AbortController()
    return {
      key: keyOf(named),
      digest: named.token === null ? Buffer.from(named.sha256, 'hex') : digestOf(named.token),
      principal: { kind: 'named', name: named.name, rights: named.rights, ended: end.signal },
      end,
    }
  }

  #end({ principal, end }: Holder): void {
    end.abort()
    for (const [id, { minter }] of this.#minted) if (minter === principal) this.#drop(id)
  }
}

export function verbNotAllowed(verb: string, { rights }: Principal): Problem {
  return new Problem('verb_not_allowed', 'The token does not allow this.', { members: { verb, allowed: [...rights.verbs] } })
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function keyOf({ name, rights, token, sha256 }: NamedToken): string {
  return JSON.stringify([name, rights.namespaces, [...rights.verbs], token, sha256])
}
