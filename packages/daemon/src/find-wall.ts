import { homedir } from 'node:os'
import type { Config } from './configuration/config.ts'
import { openWall } from './sandbox/open-wall.ts'
import type { WallState } from './sandbox/wall.ts'

export interface FindWallOptions {
  /** A directory for files of a moment. */
  readonly scratch: string
  readonly environment: Readonly<NodeJS.ProcessEnv>
}

/** The wall of this machine, where the configuration wants one. Never rejects. */
export async function findWall({ sandbox }: Pick<Config, 'sandbox'>, { scratch, environment }: FindWallOptions): Promise<WallState> {
  if (sandbox === 'off') return { wall: null, reason: 'The daemon was started with --sandbox off.', remedy: 'Start it without.' }
  return await openWall({ scratch, home: environment['HOME'] ?? homedir(), searchPath: environment['PATH'] ?? '' })
}
