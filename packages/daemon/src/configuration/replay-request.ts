import { StartFailure } from '../core/start-failure.ts'
import type { Pace } from '../core/replay.ts'

/** What `codesdkd replay` is to show, and how. */
export interface ReplayRequest {
  readonly path: string
  readonly pace: Pace
}

/** What the words and flags after `codesdkd replay` ask for. Throws `StartFailure`. */
export function toReplayRequest([path, ...rest]: readonly string[], given: Readonly<Record<string, unknown>>): ReplayRequest {
  const { speed, step, ...foreign } = given
  const [flag] = Object.keys(foreign)
  if (flag !== undefined) fail(`Unknown option '--${flag}'; try: codesdkd --help`)
  if (path === undefined) return fail('which bundle? try: codesdkd replay <bundle.tar.gz>')
  if (rest[0] !== undefined) fail(`unexpected argument ${JSON.stringify(rest[0])}`)
  return { path, pace: { playing: step !== true, speed: toSpeed(speed ?? '1') } }
}

function toSpeed(given: unknown): number {
  if (given === 'max') return Infinity
  const speed = typeof given === 'string' && /^\d{1,6}(\.\d{1,6})?$/.test(given) ? Number(given) : 0
  return speed > 0 ? speed : fail('flag speed: must be a number such as 1, 10 or 0.5, or max')
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
