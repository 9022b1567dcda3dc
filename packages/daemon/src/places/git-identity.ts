import { execFile } from 'node:child_process'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeOwnFile } from '../runtimes/own-files.ts'

/**
 * Gives a new home the name and address under which the user commits, and nothing else of the user's git configuration: that may
 * hold credentials, and programs that git runs. A home that has a configuration of its own keeps it. Never rejects.
 */
export async function copyGitIdentity(home: string, environment: Readonly<NodeJS.ProcessEnv>): Promise<void> {
  const known = await lstat(join(home, '.gitconfig')).catch(() => null)
  if (known !== null) return
  const { PATH, HOME, XDG_CONFIG_HOME } = environment
  const env = { PATH, HOME, XDG_CONFIG_HOME, GIT_CONFIG_NOSYSTEM: '1' }
  const asked = ['config', '--global', '--includes', '--null', '--get-regexp', '^user\\.(name|email)$']
  // Without git, or without an identity, there is none.
  const found = await promisify(execFile)('git', asked, { env, cwd: '/', timeout: 2000, maxBuffer: 64 * 1024 }).catch(() => null)
  const entries = (found?.stdout ?? '').split('\0').flatMap(toEntry)
  if (entries.length > 0) await writeOwnFile(home, ['.gitconfig'], `[user]\n${entries.join('')}`).catch(() => {})
}

/** `user.name\nAda` -> a line of a configuration file. */
function toEntry(pair: string): readonly string[] {
  const at = pair.indexOf('\n')
  const value = pair.slice(at + 1)
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (at < 0 || /[\u0000-\u001f]/.test(value)) return []
  return [`\t${pair.slice('user.'.length, at)} = "${value.replaceAll(/["\\]/g, '\\$&')}"\n`]
}
