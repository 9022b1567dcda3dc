import { mkdirSync, rmSync } from 'node:fs'
import { removeMountPoints } from './sandbox/mount-points.ts'
import { sweepLeftovers } from './runtimes/leftovers.ts'
import type { Storage } from './storage/storage.ts'

/** Ends and removes what agents of an earlier daemon have left. Resolves to the pids that were ended; `sockets` is there then, and empty. */
export async function clearLeftovers(processes: Storage['processes'], sockets: string): Promise<readonly number[]> {
  const ended = await sweepLeftovers(
    processes.leftovers().flatMap((one) => (one.startTime === null ? [] : [{ ...one, startTime: one.startTime }])),
  )
  processes.clear()
  removeMountPoints(sockets)
  rmSync(sockets, { recursive: true, force: true })
  mkdirSync(sockets, { mode: 0o700 })
  return ended
}
