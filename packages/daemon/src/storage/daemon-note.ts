import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DataDir } from './data-dir.ts'
import { writeDurably } from './durable-file.ts'

/** Where the daemon of a data directory answers. No secret is in it: a token goes to whoever started the daemon, and nowhere else. */
export interface DaemonNote {
  readonly url: string
  readonly pid: number
  /** Whose address it is: what answers there with another log is another daemon. */
  readonly log_id: string
}

/** Writes `daemon.json` (0600) for the clients of this user. What a killed daemon leaves, the next one replaces. */
export function noteDaemon(dir: Pick<DataDir, 'path' | 'temp'>, note: DaemonNote): Disposable {
  const path = join(dir.path, 'daemon.json')
  writeDurably(path, `${JSON.stringify(note)}\n`, dir.temp)
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) }
}
