import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Bytes of the space of young objects: two halves, of which one is in use. */
const ENOUGH = 32 * 1024 ** 2

let observer: PerformanceObserver | null = null

/**
 * Lets the engine's space of young objects grow, but not beyond what is enough: it would become 128 MB under a flood, which costs memory and
 * makes pauses long. To be called again after what makes it small. The engine has no other way to it once it runs, and an option of its
 * command line is not ours to ask of whoever embeds the daemon.
 */
export function boundYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
  // It grows in collections alone.
  observer ??= new PerformanceObserver(stopGrowing)
  observer.observe({ type: 'gc' })
  stopGrowing()
}

/**
 * What is made in a place where most lived on for a while is still made as a young object. Else the buffers of a flood would be made as old
 * ones, and lie there until the next full collection.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

function stopGrowing(): void {
  const size = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0
  if (size < ENOUGH) return
  setFlagsFromString('--semi-space-growth-factor=1')
  observer?.disconnect()
}
