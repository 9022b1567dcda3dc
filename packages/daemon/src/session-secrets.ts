import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { DataDir } from './storage/data-dir.ts'
import { writeDurably } from './storage/durable-file.ts'

// Pairs, because a record would leave out the name `__proto__`.
const environment = z.array(z.tuple([z.string(), z.string()]))

/** The variables of each session, one private file per session that has any: they may be secret, so they are in no log and no bundle. */
export function createSessionSecrets({ path, temp }: Pick<DataDir, 'path' | 'temp'>) {
  const directory = join(path, 'session-env')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fileOf = (sessionId: string) => join(directory, `${sessionId}.json`)
  return {
    /** On disk before the session's first event is. */
    save(sessionId: string, env: Readonly<Record<string, string>>): void {
      if (Object.keys(env).length > 0) writeDurably(fileOf(sessionId), JSON.stringify(env), temp)
    },
    load(sessionId: string): Readonly<Record<string, string>> {
      try {
        return Object.fromEntries(environment.parse(Object.entries(JSON.parse(readFileSync(fileOf(sessionId), 'utf8')))))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
        throw error
      }
    },
    remove(sessionId: string): void {
      rmSync(fileOf(sessionId), { force: true })
    },
  }
}
