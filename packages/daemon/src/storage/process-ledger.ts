import { readFileSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ProcessLedger } from '../core/ports.ts'
import { transaction } from './sqlite.ts'

/** A process group whose end nobody has noted. Its id may belong to something else by now: only with the same start in the same boot it is still the one. */
export interface Leftover {
  /** Of the group and its leader. */
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat, in clock ticks since the boot; null where the system has no such file. */
  readonly startTime: string | null
  readonly bootId: string
  /** The value of `CODESDKD_PROCESS` in its environment. */
  readonly mark: string
}

interface Row {
  readonly process_no: number
  readonly pid: number
  readonly start_time: string | null
  readonly boot_id: string
  readonly mark: string
}

/** Agents' process groups, kept where a daemon that was killed can no longer say what it had started. */
export class StoredProcessLedger implements ProcessLedger {
  readonly #database: DatabaseSync
  readonly #bootId: string
  readonly #insert: StatementSync
  readonly #delete: StatementSync
  readonly #clear: StatementSync
  readonly #leftovers: readonly Leftover[]
  /** Rows up to here were written by earlier runs. */
  readonly #lastOfEarlierRuns: number
  #unwritten: (() => void)[] = []

  constructor(database: DatabaseSync, bootId: string) {
    this.#database = database
    this.#bootId = bootId
    this.#insert = database.prepare('INSERT INTO process (pid, start_time, boot_id, mark) VALUES (?, ?, ?, ?)')
    this.#delete = database.prepare('DELETE FROM process WHERE pid = ? AND process_no > ?')
    this.#clear = database.prepare('DELETE FROM process WHERE process_no <= ?')
    const rows = database.prepare('SELECT * FROM process ORDER BY process_no').all() as unknown as Row[]
    this.#leftovers = rows.map(({ pid, start_time, boot_id, mark }) => ({ pid, startTime: start_time, bootId: boot_id, mark }))
    this.#lastOfEarlierRuns = rows.at(-1)?.process_no ?? 0
  }

  /** Committed when it returns, unless the disk refuses: then it is written with the next call. Never throws. */
  started({ pid, mark }: { readonly pid: number; readonly mark: string }): void {
    const startTime = readStartTime(pid)
    this.#write(() => this.#insert.run(pid, startTime, this.#bootId, mark))
  }

  /** Never throws. */
  ended(pid: number): void {
    this.#write(() => this.#delete.run(pid, this.#lastOfEarlierRuns))
  }

  /** What earlier runs started and did not see end, oldest first; the same during the whole run. */
  leftovers(): readonly Leftover[] {
    return this.#leftovers
  }

  /** The leftovers are dealt with: the next run need not hear of them. Never throws. */
  clear(): void {
    this.#write(() => this.#clear.run(this.#lastOfEarlierRuns))
  }

  #write(change: () => void): void {
    this.#unwritten.push(change)
    try {
      transaction(this.#database, () => {
        for (const write of this.#unwritten) write()
      })
      this.#unwritten = []
    } catch {
      // An agent that runs unnoted is found by its mark; a start that failed for it would help nobody.
    }
  }
}

function readStartTime(pid: number): string | null {
  try {
    // The second field is the name in parentheses, with whatever characters the process likes.
    const [, fields = ''] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return fields.split(' ')[19] ?? null
  } catch {
    return null
  }
}
