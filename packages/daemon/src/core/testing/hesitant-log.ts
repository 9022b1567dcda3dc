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

/** A port with one method replaced. */
export function replaced<Port extends object, Name extends keyof Port>(port: Port, name: Name, method: Port[Name]): Port {
  return new Proxy(port, {
    get(target, key) {
      if (key === name) return method
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
