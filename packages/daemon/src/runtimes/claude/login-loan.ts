import { rm } from 'node:fs/promises'
import * as path from 'node:path'
import { loginFile, readLogin } from './login.ts'
import type { Login } from './login.ts'
import { aborted } from '../abort.ts'
import { makeDirectory, writeOwnFile } from '../own-files.ts'
import { watchFile } from '../watched-file.ts'

/** Claude Code refreshes a login in the last five minutes of it, not before. */
const marginMs = 4 * 60_000
/** How often is looked whether it is time: the clock goes on while a machine sleeps, and a timer does not. */
const lookMs = 60_000

export interface LoanOptions {
  /** The directory with the login itself. */
  readonly home: string
  /** A directory that is made for the copy, and removed at the end. No agent may be able to write it, nor what it lies in. */
  readonly directory: string
  /** Makes Claude Code refresh the login where it is. Never rejects. */
  readonly refresh: () => Promise<void>
  /** Ends the wait for the first refresh, not the refresh itself. */
  readonly signal: AbortSignal
}

/**
 * What an agent behind a wall gets of a login: the token that asks the model, for as long as that is valid. The token that gets new
 * ones stays outside, because each use makes the one before it void: only where the login is, Claude Code can be sure to be
 * the only one who refreshes it. And so nothing that the agent writes can come to be the user's login.
 */
export interface LoginLoan extends AsyncDisposable {
  readonly directory: string
  /** Brings the copy up to date, after a refresh if it is time for one. Never rejects. */
  renew(): Promise<void>
}

export async function lendLogin({ home, directory, refresh, signal }: LoanOptions): Promise<LoginLoan> {
  const { dir: parent, base: name } = path.parse(directory)
  let lent = ''
  let ended = false
  let refreshing = false
  let running: Promise<void> | null = null

  async function bring(): Promise<void> {
    let login = await readLogin(home)
    if (login !== null && isDue(login)) {
      refreshing = true
      await refresh().finally(() => (refreshing = false))
      login = await readLogin(home)
    }
    const text = login === null ? lent : toCopy(login)
    if (ended || text === lent) return
    await writeOwnFile(parent, [name, loginFile], text)
    lent = text
  }

  function renew(): Promise<void> {
    // A disk that is full, say: the agent goes on with what it has.
    return (running ??= bring()
      .catch(() => {})
      .finally(() => (running = null)))
  }

  await makeDirectory(parent, name)
  // Another Claude Code of the user may refresh it at any time.
  const watcher = watchFile(path.join(home, loginFile), () => void renew())
  await Promise.race([renew(), aborted(signal)])
  const timer = setInterval(() => void renew(), lookMs).unref()
  return {
    directory,
    renew,
    async [Symbol.asyncDispose]() {
      ended = true
      clearInterval(timer)
      watcher[Symbol.dispose]()
      // A refresh comes to its end by itself, and must.
      if (!refreshing) await running
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function isDue({ expiresAt, refreshToken = '' }: Login): boolean {
  return refreshToken !== '' && expiresAt - Date.now() < marginMs
}

function toCopy({ accessToken, expiresAt, scopes, subscriptionType, rateLimitTier }: Login): string {
  return JSON.stringify({ claudeAiOauth: { accessToken, expiresAt, scopes, subscriptionType, rateLimitTier } })
}
