import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConnectionError } from '../api-error.ts'
import type { Client } from '../client.ts'
import { createClient } from './node-client.ts'

/** A daemon that runs, as its data directory tells. */
export interface FoundDaemon {
  readonly url: string
  readonly pid: number
  readonly client: Client
}

/**
 * The daemon that serves a data directory: its `daemon.json` says where. Null where none runs, or what answers there is another one.
 * A token is never written down: one that is asked for has to be given, or the rejection is `unauthorized`.
 */
export async function findDaemon(dataDir: string, { token }: { readonly token?: string | undefined } = {}): Promise<FoundDaemon | null> {
  const noted = readNote(join(dataDir, 'daemon.json'))
  if (noted === null || !lives(noted.pid)) return null
  const { url, pid, log_id } = noted
  const client = createClient({ url, ...(token === undefined ? {} : { token }) })
  try {
    const { storage } = await client.getStatus()
    return storage.log_id === log_id ? { url, pid, client } : null
  } catch (error) {
    if (error instanceof ConnectionError) return null
    throw error
  }
}

/** What the daemon has noted; null for anything else, and for what somebody else could have written. */
function readNote(path: string): { readonly url: string; readonly pid: number; readonly log_id: string } | null {
  try {
    const { uid, mode } = statSync(path)
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return null
    const note: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof note !== 'object' || note === null || !('url' in note) || !('pid' in note) || !('log_id' in note)) return null
    const { url, pid, log_id } = note
    return typeof url === 'string' && typeof pid === 'number' && typeof log_id === 'string' ? { url, pid, log_id } : null
  } catch {
    return null
  }
}

/** True when a process of this user has the number. */
function lives(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}
