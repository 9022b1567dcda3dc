import { execFile } from 'node:child_process'
import { lstat, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findProgramKey } from '../core/policy/git-config.ts'
import type { Workspace } from '../core/ports.ts'

const run = promisify(execFile)

const MAX_LINKS = 40
const GIT_TIMEOUT_MS = 5_000
/** Beyond this a listing is not read on and nothing is certain. */
const MAX_OUTPUT = 64 * 1024 * 1024

export interface WorkspaceOptions {
  /** Where git is found and whose configuration it reads: the agent's PATH, HOME and XDG_CONFIG_HOME. Defaults to the daemon's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

/** The real file system and the real git. */
export function createWorkspace({ environment = process.env }: WorkspaceOptions = {}): Workspace {
  const { PATH, HOME, XDG_CONFIG_HOME } = environment
  const env = { PATH, HOME, XDG_CONFIG_HOME, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' }
  const git: Git = async (cwd, args) => {
    const { stdout } = await run('git', [...args], { cwd, env, timeout: GIT_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT })
    return stdout
  }
  return {
    realPath,
    gitRunsPrograms: (directory) => gitRunsPrograms(directory, git).catch(() => true),
    gitDirectories: (directory) => gitDirectories(directory, git).catch(() => null),
  }
}

/**
 * Follows every link itself, as the kernel does, since `/proc` and `/dev` lead each process somewhere else: what passes
 * through them is null. `..` behind something that does not exist is null as well.
 */
async function realPath(path: string): Promise<string | null> {
  if (!path.startsWith('/') || path.includes('\0')) return null
  const ahead = path.split('/').toReversed()
  let real = '/'
  for (let links = 0; ahead.length > 0;) {
    const part = ahead.pop() ?? ''
    if (part === '' || part === '.') continue
    const next = part === '..' ? dirname(real) : join(real, part)
    if (/^\/(?:proc|dev)(?:\/|$)/.test(next)) return null
    const target = part === '..' ? null : await linkTarget(next)
    if (target === 'missing') return ahead.includes('..') ? null : join(next, ...ahead.toReversed())
    if (target === 'unknown') return null
    if (target === null) {
      real = next
      continue
    }
    if (++links > MAX_LINKS) return null
    if (target.link.startsWith('/')) real = '/'
    ahead.push(...target.link.split('/').toReversed())
  }
  return real
}

/** Where a link points; null for what exists and is no link. */
async function linkTarget(path: string): Promise<{ readonly link: string } | 'missing' | 'unknown' | null> {
  try {
    return { link: await readlink(path) }
  } catch (error) {
    switch (errorCode(error)) {
      case 'EINVAL':
        return null
      case 'ENOENT':
      case 'ENOTDIR':
        return 'missing'
      default:
        return 'unknown'
    }
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Output of one git command; rejects when it fails, hangs or says too much. */
type Git = (directory: string, args: readonly string[]) => Promise<string>

async function gitRunsPrograms(directory: string, git: Git): Promise<boolean> {
  const config = await git(directory, ['config', '--list', '-z', '--includes'])
  if (findProgramKey(config) !== null) return true
  const hooks = (await git(directory, ['rev-parse', '--path-format=absolute', '--git-path', 'hooks'])).trimEnd()
  if (await exists(join(hooks, 'post-index-change'))) return true
  return /(?:^|\0)160000 /.test(await git(directory, ['ls-files', '--stage', '-z', '--full-name', ':/']))
}

async function gitDirectories(directory: string, git: Git): Promise<readonly string[] | null> {
  const output = await git(directory, ['rev-parse', '--path-format=absolute', '--show-toplevel', '--git-dir', '--git-common-dir'])
  const found = output.trimEnd().split('\n')
  const common = found[2]
  if (found.length !== 3 || common === undefined || (await exists(join(common, 'objects/info/alternates')))) return null
  const real = await Promise.all(found.map((path) => realPath(path)))
  return real.every((path) => path !== null) ? real : null
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR',
  )
}
