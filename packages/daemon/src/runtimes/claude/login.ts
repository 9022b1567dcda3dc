import { execFile } from 'node:child_process'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { promisify } from 'node:util'
import * as z from 'zod'
import type { LoginPlace, RuntimeEnv } from '../../core/ports.ts'
import { quiet } from './config.ts'
import { toCommand } from '../launch.ts'

/** Where Claude Code's own logins are, and what is in them. */

export const loginFile = '.credentials.json'

type Whose = Pick<RuntimeEnv, 'shared' | 'login'>

/** The directory with the login: that of the user's own Claude Code when shared, else that of the namespace. */
export function toLoginHome({ shared, login: { home, variables } }: Whose): string {
  if (!shared) return home
  const { CLAUDE_CONFIG_DIR: chosen, HOME: user } = variables
  return chosen ?? (user === undefined ? home : path.join(user, '.claude'))
}

const credentials = z.object({
  claudeAiOauth: z.object({
    accessToken: z.string().min(1),
    refreshToken: z.string().optional().catch(undefined),
    /** Milliseconds since 1970. */
    expiresAt: z.number(),
    scopes: z.array(z.string()).catch([]),
    subscriptionType: z.string().nullish(),
    rateLimitTier: z.string().nullish().catch(undefined),
  }),
})
export type Login = z.infer<typeof credentials>['claudeAiOauth']

/** The login in this directory; null when there is none that can be used. */
export async function readLogin(home: string): Promise<Login | null> {
  return (await readJson(path.join(home, loginFile), credentials))?.claudeAiOauth ?? null
}

const settings = z.object({ primaryApiKey: z.string().min(1) })

/** The key that a login at the provider's console leaves among Claude Code's settings; null when there is none. */
export async function readManagedKey({ shared, login: { home, variables } }: Whose): Promise<string | null> {
  const directory = shared ? (variables['CLAUDE_CONFIG_DIR'] ?? variables['HOME'] ?? home) : home
  return (await readJson(path.join(directory, '.claude.json'), settings))?.primaryApiKey ?? null
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    return schema.safeParse(JSON.parse(await readFile(file, 'utf8'))).data ?? null
  } catch {
    return null
  }
}

export interface RefreshOptions {
  readonly executable: string
  /** The directory with the login. */
  readonly home: string
  readonly login: LoginPlace
  /** The daemon's own environment: what a session gave its agent must not lead the way of the tokens. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What leads outside from this machine. */
const passed = /^(?:path|lang|lc_\w+|tz|(?:https?|all|no)_proxy|ssl_cert_(?:file|dir)|node_extra_ca_certs)$/i

/**
 * Makes Claude Code refresh a login that is about to expire: asked for its state it does so, under a lock of its own that holds
 * for every Claude Code of the user. It runs outside of any wall, and sees nothing that a session has written. Never rejects.
 */
export async function refreshLogin(options: RefreshOptions): Promise<void> {
  try {
    await using folder = await mkdtempDisposable(path.join(tmpdir(), 'codesdkd-login-'))
    await askForState(options, folder.path)
  } catch {
    // It exited with an error, or there is no room for it: whoever reads the login sees what came of it.
  }
}

async function askForState({ executable, home, login, environment }: RefreshOptions, folder: string): Promise<void> {
  const env = {
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => passed.test(name))),
    ...login.variables,
    ...quiet,
    CLAUDE_CONFIG_DIR: folder,
    CLAUDE_SECURESTORAGE_CONFIG_DIR: home,
    TMPDIR: folder,
    CLAUDE_CODE_TMPDIR: folder,
  }
  // Longer than it waits itself: one that is killed between the answer and the file would have lost the only valid tokens.
  const options = { cwd: folder, env, timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024 } as const
  const [program, ...first] = toCommand(executable)
  await promisify(execFile)(program, [...first, 'auth', 'status'], options)
}
