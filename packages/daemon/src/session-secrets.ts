import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { SessionRecord } from './core/ports.ts'
import { hideSecrets, revealSecrets } from './core/redaction/secret-settings.ts'
import type { DataDir } from './storage/data-dir.ts'
import { writeDurably } from './storage/durable-file.ts'

// Pairs, because a record would leave out the name `__proto__`.
const environment = z.array(z.tuple([z.string(), z.string()]))
const settings = z.array(z.string())

/** The variables of each session and what is secret in its settings, in private files of sessions that have any: they are in no log and no bundle. */
export function createSessionSecrets({ path, temp }: Pick<DataDir, 'path' | 'temp'>) {
  const [variables, hidden] = [join(path, 'session-env'), join(path, 'session-settings')]
  for (const directory of [variables, hidden]) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const fileOf = (sessionId: string) => join(variables, `${sessionId}.json`)
  const settingsOf = (sessionId: string) => join(hidden, `${sessionId}.json`)
  return {
    /** On disk before the session's first event is. */
    save(sessionId: string, env: Readonly<Record<string, string>>): void {
      if (Object.keys(env).length > 0) writeDurably(fileOf(sessionId), JSON.stringify(env), temp)
    },
    load(sessionId: string): Readonly<Record<string, string>> {
      return Object.fromEntries(environment.parse(Object.entries(readJson(fileOf(sessionId)) ?? {})))
    },
    /** The record as it may stand in the log; what it has not is on disk. */
    hide(record: SessionRecord): SessionRecord {
      const { settings: runtimeConfig, secrets } = hideSecrets(record.runtimeConfig)
      if (secrets.length === 0) return record
      writeDurably(settingsOf(record.sessionId), JSON.stringify(secrets), temp)
      return { ...record, runtimeConfig }
    },
    /** The record as it was. One of an earlier daemon has its secrets in it. */
    reveal(record: SessionRecord): SessionRecord {
      const secrets = settings.parse(readJson(settingsOf(record.sessionId)) ?? [])
      return secrets.length === 0 ? record : { ...record, runtimeConfig: revealSecrets({ settings: record.runtimeConfig, secrets }) }
    },
    remove(sessionId: string): void {
      for (const file of [fileOf(sessionId), settingsOf(sessionId)]) rmSync(file, { force: true })
    },
  }
}

/** Null where there is no such file. */
function readJson(file: string): object | null {
  try {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof json === 'object' && json !== null) return json
    throw new Error(`There is nothing of use in ${file}.`)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
