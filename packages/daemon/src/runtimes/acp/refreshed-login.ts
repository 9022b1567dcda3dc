import { isDeepStrictEqual } from 'node:util'
import { isObject, isSamePerson, toObject } from '../token-claims.ts'

/** The last word in the name of a member that a refresh gives a new value: `access_token`, `idToken`, `expires`, `last_refresh`. */
const changing = /^(?:token|access|refresh|jwt|expir\w*|exp|iat|timestamp)$/i
/** The first word and the last one of a time: `expiresAt`, `expiry_date`, `last_refreshed_at`. */
const timed = [/^(?:expir\w*|issued|last|updated|refreshed)$/i, /^(?:at|in|on|date|time|ms|seconds|updated)$/i] as const
/** How much longer a file may get by a refresh. */
const growth = 4

/**
 * Whether the text of a login file can be the same login, refreshed: a JSON object with the same members of the same kinds, in which
 * nothing has changed but tokens and times, and whose tokens, as far as they tell, are of the same person. A login that is no JSON
 * object cannot be told from another one: it never is.
 */
export function isRefreshed(text: string, known: string): boolean {
  const [before, after] = [toObject(known), toObject(text)]
  if (before === null || after === null || text.length > known.length * growth + 1024) return false
  return isSameLogin(before, after)
}

type Members = Readonly<Record<string, unknown>>

function isSameLogin(before: Members, after: Members): boolean {
  const added = Object.keys(after).filter((name) => !Object.hasOwn(before, name))
  return (
    added.every((name) => isChanging(name) && ['string', 'number'].includes(typeof after[name])) &&
    Object.entries(before).every(([name, value]) => Object.hasOwn(after, name) && isSameMember(name, value, after[name]))
  )
}

function isSameMember(name: string, before: unknown, after: unknown): boolean {
  if (isObject(before)) return isObject(after) && isSameLogin(before, after)
  if (isDeepStrictEqual(before, after)) return true
  if (!isChanging(name) || typeof before !== typeof after) return false
  if (typeof before === 'number') return true
  return typeof before === 'string' && typeof after === 'string' && after !== '' && isSamePerson(before, after)
}

// Of what belongs to an account, or to the endpoint of its model (`token_owner`, `account_id`, `resource_url`), the last word is another.
function isChanging(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').split(/[_\-.]/)
  const [first, last] = [words[0] ?? '', words.at(-1) ?? '']
  return changing.test(last) || (timed[0].test(first) && timed[1].test(last))
}
