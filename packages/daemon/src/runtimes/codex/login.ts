import { readFile, realpath } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'
import type { RuntimeEnv } from '../../core/ports.ts'

/** A login that Codex's own command has left: a file that only Codex itself can use and refresh, or no more than a key. */
export type Login = { readonly kind: 'file'; readonly file: string; readonly key: null } | { readonly kind: 'key'; readonly key: string }

const loginFile = z.object({ auth_mode: z.string().nullish(), OPENAI_API_KEY: z.string().nullish() })

/** The login of the namespace, or of the user in level `shared`; null when there is none. Never rejects. */
export async function findLogin(env: RuntimeEnv): Promise<Login | null> {
  const home = env.shared ? toUserHome(env) : env.login.home
  if (home === null) return null
  try {
    // The file itself: what leads to it is not there to be seen inside.
    const file = await realpath(path.join(home, 'auth.json'))
    const key = toOnlyKey(await readFile(file, 'utf8'))
    return key === null ? { kind: 'file', file, key } : { kind: 'key', key }
  } catch {
    return null
  }
}

function toUserHome({ login: { variables } }: RuntimeEnv): string | null {
  const home = variables['HOME']
  return variables['CODEX_HOME'] ?? (home === undefined ? null : path.join(home, '.codex'))
}

/** The key in the way in which Codex itself looks for one. */
function toOnlyKey(text: string): string | null {
  const parsed = loginFile.safeParse(toJson(text))
  const { auth_mode: mode, OPENAI_API_KEY: key } = parsed.data ?? {}
  if (key == null || key === '') return null
  return mode == null || mode.toLowerCase() === 'apikey' ? key : null
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
