import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { StartFailure } from './core/start-failure.ts'

/** Names the file that carries the token over a re-execution; read once, then removed. */
const HANDOVER = 'CODESDKD_TOKEN_HANDOVER'

/**
 * A process's first environment can be read by every process of its user for as long as it lives. So a daemon that was
 * given `CODESDKD_TOKEN` becomes a new image of itself without it. Does not return where that is needed.
 */
export function leaveEnvironmentToken(env: NodeJS.ProcessEnv): void {
  const { CODESDKD_TOKEN: token, ...rest } = env
  if (token === undefined || token === '' || process.execve === undefined) return
  const file = join(mkdtempSync(join(env['XDG_RUNTIME_DIR'] ?? tmpdir(), 'codesdkd-')), 'token')
  writeFileSync(file, token, { mode: 0o600, flag: 'wx' })
  const clean = Object.fromEntries(Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...clean, [HANDOVER]: file })
}

/** The token from `--token-file` or the environment, null when none was given. Throws `StartFailure`. */
export function readToken(file: string | undefined, env: NodeJS.ProcessEnv): string | null {
  const handover = env[HANDOVER]
  const token = file !== undefined ? readPrivateFile(file) : handover === undefined ? env['CODESDKD_TOKEN'] : readOnce(handover)
  delete env['CODESDKD_TOKEN']
  delete env[HANDOVER]
  if (token === undefined || token === '') return null
  if (!/^[\x21-\x7e]{16,512}$/.test(token)) throw new StartFailure('invalid_config', 'the token must be 16 to 512 printable characters without spaces')
  return token
}

/** A new token: 256 random bits. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url')
}

function readOnce(file: string): string {
  try {
    return readPrivateFile(file)
  } finally {
    rmSync(dirname(file), { recursive: true, force: true })
  }
}

/** What is checked is the opened file itself: no link, ours, readable by nobody else. */
function readPrivateFile(path: string): string {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    throw new StartFailure('invalid_config', `cannot read the token file ${path}; it must be a file, not a link`)
  }
  try {
    const { mode, uid } = fstatSync(fd)
    if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw new StartFailure('invalid_config', `the token file ${path} must belong to you with mode 0600`)
    return readFileSync(fd, 'utf8').trim()
  } finally {
    closeSync(fd)
  }
}
