import { createClient, isApiError } from '@codesdkd/client'
import { signal } from '@preact/signals'
import { setToken, token } from './token.ts'

/** The page stands beside the API: what it is called below, the API is too. */
export const client = createClient({ url: new URL('.', location.href).href.replace(/\/$/, ''), token: () => token.value })

/** Whether the daemon wants a token that it has not got. */
export const locked = signal(false)

/** What to tell a person of a failure. A refused token brings up the form for another. */
export function toMessage(error: unknown): string {
  if (isApiError(error, 'unauthorized')) {
    setToken(undefined)
    locked.value = true
  }
  return error instanceof Error ? error.message : String(error)
}
