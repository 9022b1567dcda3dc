import { isDeepStrictEqual } from 'node:util'

/** Claims of a token that say whose it is. */
const claims = ['iss', 'sub', 'email', 'account_id', 'chatgpt_account_id', 'user_id', 'client_id', 'azp', 'aud']

/** Whether a token can be a refreshed one of the same person. Tokens that tell nothing are taken for what they are; one that tells must go on telling the same. */
export function isSamePerson(before: string, after: string): boolean {
  const [old, fresh] = [toClaims(before), toClaims(after)]
  if (old === null) return fresh === null
  return fresh !== null && claims.every((claim) => isDeepStrictEqual(old[claim], fresh[claim]))
}

/** What a JSON web token says; its signature is for its provider to check. */
function toClaims(token: string): Readonly<Record<string, unknown>> | null {
  const parts = token.split('.')
  return parts.length === 3 ? toObject(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) : null
}

/** The JSON object that a text is; null for anything else. */
export function toObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : null
  } catch {
    return null
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
