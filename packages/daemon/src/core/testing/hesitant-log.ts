import type { Append, EventLog } from '../ports.ts'

/** A log whose changes can be held back, as a disk does that refuses writes for a while. */
export interface HesitantLog {
  /** From here on changes wait for `release`. */
  hold: boolean
  release(): void
  wrap(log: EventLog): EventLog
}

export function hesitant(): HesitantLog {
  const released = Promise.withResolvers<void>()
  const disk: HesitantLog = {
    hold: false,
    release() {
      disk.hold = false
      released.resolve()
    },
    wrap: (log) =>
      replaced(log, 'append', async (change: Append) => {
        if (disk.hold) await released.promise
        await log.append(change)
      }),
  }
  return disk
}

/** A log with one method replaced. */
export function replaced<Name extends 'append' | 'read'>(log: EventLog, name: Name, method: EventLog[Name]): EventLog {
  return new Proxy(log, {
    get(target, key) {
      if (key === name) return method
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
