import { signal } from '@preact/signals'

const KEY = 'codesdkd.token'

/**
 * The token of a daemon that asks for one. It comes in by the form, or once by the fragment of the address (`#token=…`), which no server
 * ever sees; this tab keeps it until it is closed.
 */
export const token = signal<string | undefined>(take() ?? sessionStorage.getItem(KEY) ?? undefined)

export function setToken(value: string | undefined): void {
  if (value === undefined) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, value)
  token.value = value
}

function take(): string | null {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1]
  if (given === undefined) return null
  // It is to stand in no history and no picture of the page.
  history.replaceState(null, '', location.pathname + location.search)
  const found = decodeURIComponent(given)
  sessionStorage.setItem(KEY, found)
  return found
}
