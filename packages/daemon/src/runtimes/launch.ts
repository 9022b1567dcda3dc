import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import * as path from 'node:path'
import { promisify } from 'node:util'
import type { TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../core/ports.ts'
import type { RuntimeEnv } from '../core/ports.ts'
import { SpawnFailure, openProcess } from './process.ts'
import type { AgentProcess, ProcessEnd, ProcessOptions } from './process.ts'

export interface LaunchOptions extends Omit<ProcessOptions, 'executable'> {
  /** The agent's name as people write it, for messages. */
  readonly agent: string
  readonly executable: string | null
}

/** A program with its arguments; a script of Node is run by the Node of the daemon, whatever `node` is on the PATH. */
export function toCommand(executable: string): readonly [program: string, ...args: string[]] {
  return /\.[cm]?js$/.test(executable) ? [process.execPath, executable] : [executable]
}

/** Starts an agent. Rejects with `RuntimeFailure` when there is none, or when the system does not start it. */
export async function launch({ agent, executable, args, ...options }: LaunchOptions): Promise<AgentProcess> {
  if (executable === null)
    throw new RuntimeFailure({ code: 'agent_not_installed', message: `${agent} is not installed.`, retryable: false })
  const [program, ...first] = toCommand(executable)
  try {
    return await openProcess({ ...options, executable: program, args: [...first, ...args] })
  } catch (error) {
    if (!(error instanceof SpawnFailure)) throw error
    const installed = await stat(executable).then(
      () => true,
      () => false,
    )
    const code = installed ? 'agent_start_failed' : 'agent_not_installed'
    throw new RuntimeFailure({ code, message: `${agent} could not be started: ${error.code}.`, retryable: false }, { cause: error })
  }
}

/** What a task is told of an agent that ended while it was starting. */
export function toStartFailure(agent: string, { exitCode, signal, stderrTail }: ProcessEnd): TaskError {
  return {
    code: 'agent_start_failed',
    message: `${agent} ended while it was starting.`,
    retryable: false,
    exit_code: exitCode,
    signal,
    ...(stderrTail === '' ? {} : { stderr_tail: stderrTail }),
  }
}

const manifest = z.object({ name: z.string(), version: z.string() })

/**
 * The version of the npm package that an executable belongs to, if it is one of these. Found without starting anything, which
 * for some agents takes seconds.
 */
export async function readPackagedVersion(executable: string, packages: readonly string[]): Promise<string | null> {
  for (let directory = path.dirname(executable), depth = 0; depth < 3; directory = path.dirname(directory), depth += 1) {
    const text = await readFile(path.join(directory, 'package.json'), 'utf8').catch(() => null)
    if (text === null) continue
    try {
      const found = manifest.parse(JSON.parse(text))
      return packages.includes(found.name) ? found.version : null
    } catch {
      return null
    }
  }
  return null
}

/** What an executable says to `--version`, as far as the pattern's first group finds it; null when it does not say it within 5 s. */
export async function readVersion(
  executable: string,
  pattern: RegExp,
  { variables, signal }: { readonly variables: RuntimeEnv['variables']; readonly signal: AbortSignal },
): Promise<string | null> {
  const [program, ...first] = toCommand(executable)
  const options = { env: variables, timeout: 5000, killSignal: 'SIGKILL', signal, maxBuffer: 64 * 1024 } as const
  const found = await promisify(execFile)(program, [...first, '--version'], options).catch(() => null)
  return pattern.exec(found?.stdout ?? '')?.[1] ?? null
}
