import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartFailure } from '../../packages/daemon/src/core/start-failure.ts'
import { createSessionSecrets } from '../../packages/daemon/src/session-secrets.ts'
import { openStorage, type Storage } from '../../packages/daemon/src/storage/storage.ts'
import { isPromised, type Shown } from './shown.ts'

export interface Case {
  /** The data directory as the power cut left it. */
  readonly path: string
  /** What anybody had been shown by then. */
  readonly shown: readonly Shown[]
  /** Every name of the log that anybody had been told. */
  readonly logIds: readonly string[]
  /** Every event there ever was, by session and seq. */
  readonly truth: ReadonlyMap<string, string>
}

export interface Verdict {
  readonly faults: readonly string[]
  /** Shown events that are gone, as they are allowed to be. */
  readonly lost: readonly Shown[]
}

/** Opens what is left with the real storage, after another boot of the machine, and holds it against what was promised. */
export async function examine({ path, shown, logIds, truth }: Case): Promise<Verdict> {
  const mark = readMark(path)
  try {
    using storage = openStorage({
      path,
      clock: { now: () => new Date(0).toISOString(), monotonic: () => performance.now() },
      newId: () => randomUUID().replaceAll('-', ''),
      bootId: 'the boot after the power cut',
    })
    const { log } = storage
    const faults: string[] = []
    const stored = readAll(storage)
    for (const [key, json] of stored) {
      const known = truth.get(key)
      if (known !== undefined && known !== json) faults.push(`${key} is another event than the one that was there`)
    }
    const missing = shown.filter(({ sessionId, seq }) => !stored.has(`${sessionId} ${seq}`))
    for (const { event, seq } of missing.filter((one) => isPromised(one.event)))
      faults.push(`seq ${seq}, ${event.type}, was shown and is gone`)
    if (missing.length > 0 && logIds.includes(log.logId))
      faults.push(`${missing.length} shown events are gone, and the log has kept its name`)
    if (mark > log.lastCursor() !== (log.gap !== null)) faults.push('the high-water mark and the gap that is told differ')
    faults.push(...(await findLostFiles(storage, stored)), ...findLostRows(storage, shown))
    return { faults, lost: missing }
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    return { faults: [`it refuses to start: ${error.message}`], lost: [] }
  }
}

/** By session and seq. Throws where there is a gap. */
function readAll({ log }: Storage): ReadonlyMap<string, string> {
  const stored = new Map<string, string>()
  for (const { sessionId } of log.sessions({ scope: 'all' }, null, 1000) ?? []) {
    let seq = 0
    for (let page = log.read(sessionId, 0, 1000); page.length > 0; page = log.read(sessionId, seq, 1000))
      for (const event of page) {
        if (event.seq !== (seq += 1)) throw new Error(`seq ${event.seq} of ${sessionId} follows ${seq - 1}`)
        stored.set(`${sessionId} ${seq}`, event.json)
      }
  }
  return stored
}

/** What an event names must be there: artifacts whole, and the variables of a session. */
async function findLostFiles({ artifacts, dir, log }: Storage, stored: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const faults: string[] = []
  for (const json of stored.values()) {
    for (const [, name, id = ''] of json.matchAll(/"(\w+_ref)":"([0-9a-f]{32})"/g))
      await artifacts.content(id).catch((error: unknown) => faults.push(`${name} of a stored event: ${String(error)}`))
  }
  const secrets = createSessionSecrets(dir)
  for (const record of log.sessions({ scope: 'all' }, null, 1000) ?? []) {
    if (secrets.load(record)['PLACE'] === undefined) faults.push('the variables of a stored session are gone')
  }
  return faults
}

/** An accepted task has its row: only then is it ended, and known again when it is sent again. */
function findLostRows({ log }: Storage, shown: readonly Shown[]): readonly string[] {
  return shown.flatMap(({ event, sessionId }) => {
    if (event.type !== 'task.started' && event.type !== 'task.queued') return []
    return log.task(sessionId, event.trace.task_id ?? '') === null ? ['an accepted task has no row'] : []
  })
}

function readMark(path: string): number {
  try {
    return (JSON.parse(readFileSync(join(path, 'hwm.json'), 'utf8')) as { cursor: number }).cursor
  } catch {
    return 0
  }
}
