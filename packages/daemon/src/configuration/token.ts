import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { StartFailure } from '../core/start-failure.ts'

export const tokenPattern = /^[\x21-\x7e]{16,512}$/

/** Names the file that carries the token over a re-execution. */
const HANDOVER = 'CODESDKD_TOKEN_HANDOVER'

/**
 * Takes the token out of the environment; null when there is none. A process's first environment can be read by every
 * process of its user for as long as it lives, so a daemon that was given `CODESDKD_TOKEN` becomes a new image of itself
 * without it: then this does not return, and the new image takes the token from a private file, which it removes.
 * Throws `StartFailure`.
 */
export function takeEnvironmentToken(env: NodeJS.ProcessEnv): string | null {
  const { CODESDKD_TOKEN: token, [HANDOVER]: handover } = env
  delete env['CODESDKD_TOKEN']
  delete env[HANDOVER]
  if (handover !== undefined) return readOnce(handover)
  if (token === undefined || token === '') return null
  if (process.execve === undefined) return token
  const file = join(mkdtempSync(join(tmpdir(), 'codesdkd-')), 'token')
  writeFileSync(file, token, { mode: 0o600, flag: 'wx' })
  const rest = Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
  return process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...rest, [HANDOVER]: file })
}

/** The token of `--token-file`, else the one that the environment gave; null when there is neither. Throws `StartFailure`. */
export function readToken(file: string | undefined, given: string | null): string | null {
  const token = file === undefined ? given : readPrivateFile(file)
  if (token !== null && !tokenPattern.test(token))
    throw new StartFailure('invalid_config', 'the token must be 16 to 512 printable characters without spaces')
  return token
}

/** A new token: 256 random bits. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url')
}

function readOnce(file: string): string {
  const token = readPrivateFile(file)
  // Not recursively: the name of the file came from outside.
  rmSync(file)
  rmdirSync(dirname(file))
  return token
}

/** What is checked is the opened file itself: no link, no pipe, ours, readable by nobody else. Throws `StartFailure`. */
export function readPrivateFile(path: string): string {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    throw new StartFailure('invalid_config', `cannot read the token file ${path}; it must be a file, not a link`)
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new StartFailure('invalid_config', `the token file ${path} is not a file`)
    if (stats.uid !== process.geteuid?.() || (stats.mode & 0o077) !== 0)
      throw new StartFailure('invalid_config', `the token file ${path} must belong to you with mode 0600`)
    return readFileSync(fd, 'utf8').trim()
  } finally {
    closeSync(fd)
  }
}
