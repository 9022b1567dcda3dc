import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import type { SecretsOwner, SessionRecord } from './core/ports.ts'
import { hideSecrets, revealSecrets } from './core/redaction/secret-settings.ts'
import type { DataDir } from './storage/data-dir.ts'
import { makeDurably, writeDurably } from './storage/durable-file.ts'

// Pairs, because a record would leave out the name `__proto__`.
const environment = z.array(z.tuple([z.string(), z.string()]))
const settings = z.array(z.string())

/**
 * The variables of each session and what is secret in its settings, in private files of sessions that have any: they are in no log and no
 * bundle. Each runtime that takes a session over gets files of its own, so that up to the commit those of the one before it hold.
 */
export function createSessionSecrets({ path, temp }: Pick<DataDir, 'path' | 'temp'>) {
  const [variables, hidden] = [join(path, 'session-env'), join(path, 'session-settings')]
  for (const directory of [variables, hidden]) makeDurably(directory)
  const fileOf = (owner: SecretsOwner) => join(variables, toName(owner))
  const settingsOf = (owner: SecretsOwner) => join(hidden, toName(owner))
  const removeOf = (owner: SecretsOwner) => {
    for (const file of [fileOf(owner), settingsOf(owner)]) rmSync(file, { force: true })
  }
  return {
    /** On disk before the event that begins with them. */
    save(owner: SecretsOwner, env: Readonly<Record<string, string>>): void {
      if (Object.keys(env).length > 0) writeDurably(fileOf(owner), JSON.stringify(env), temp)
      // Of a handoff that a crash has cut.
      else if (owner.generation > 0) rmSync(fileOf(owner), { force: true })
    },
    load(owner: SecretsOwner): Readonly<Record<string, string>> {
      return Object.fromEntries(environment.parse(Object.entries(readJson(fileOf(owner)) ?? {})))
    },
    /** The record as it may stand in the log; what it has not is on disk. */
    hide(record: SessionRecord): SessionRecord {
      const { settings: runtimeConfig, secrets } = hideSecrets(record.runtimeConfig)
      if (secrets.length === 0) return record
      writeDurably(settingsOf(record), JSON.stringify(secrets), temp)
      return { ...record, runtimeConfig }
    },
    /** The record as it was. One of an earlier daemon has its secrets in it. */
    reveal(record: SessionRecord): SessionRecord {
      const secrets = settings.parse(readJson(settingsOf(record)) ?? [])
      return secrets.length === 0 ? record : { ...record, runtimeConfig: revealSecrets({ settings: record.runtimeConfig, secrets }) }
    },
    /** What the runtimes before this one had. */
    forget({ sessionId, generation }: SecretsOwner): void {
      for (let earlier = 0; earlier < generation; earlier++) removeOf({ sessionId, generation: earlier })
    },
    /** Also what a handoff has left that did not come to its end. */
    remove({ sessionId, generation }: SecretsOwner): void {
      for (let one = 0; one <= generation + 1; one++) removeOf({ sessionId, generation: one })
    },
  }
}

function toName({ sessionId, generation }: SecretsOwner): string {
  return generation === 0 ? `${sessionId}.json` : `${sessionId}.${generation}.json`
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

export type SessionSecrets = ReturnType<typeof createSessionSecrets>
