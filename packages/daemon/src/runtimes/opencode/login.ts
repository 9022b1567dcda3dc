import { realpath } from 'node:fs/promises'
import * as path from 'node:path'
import * as z from 'zod'
import type { RuntimeEnv } from '../../core/ports.ts'
import { readTextFile } from '../text-file.ts'
import { providers } from './providers.ts'

const maxBytes = 1024 * 1024
const apiKey = z.object({ type: z.literal('api'), key: z.string().trim().min(1) })
const entries = z.record(z.string(), z.unknown())

/**
 * The keys of OpenCode's own login, by provider; never rejects. Other kinds of logins need plugins that are switched off, and keys
 * of other providers would have to be held by the agent itself: neither counts. No session sees the file.
 */
export async function readLogin({ login: { variables } }: Pick<RuntimeEnv, 'login'>): Promise<ReadonlyMap<string, string>> {
  const { HOME: home, XDG_DATA_HOME: data = home === undefined ? undefined : path.join(home, '.local', 'share') } = variables
  if (data === undefined) return new Map()
  const found = toEntries(await readLoginFile(path.join(data, 'opencode', 'auth.json')))
  return new Map(
    [...providers.keys()].flatMap((name) => {
      const entry = apiKey.safeParse(found[name]).data
      return entry === undefined ? [] : [[name, entry.key] as const]
    }),
  )
}

// People may keep such files elsewhere, behind a link.
async function readLoginFile(file: string): Promise<string> {
  const real = await realpath(file).catch(() => null)
  return real === null ? '' : ((await readTextFile(path.dirname(real), real, maxBytes)) ?? '')
}

function toEntries(text: string): Readonly<Record<string, unknown>> {
  try {
    return entries.parse(JSON.parse(text))
  } catch {
    return {}
  }
}
