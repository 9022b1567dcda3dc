import { execFile } from 'node:child_process'
import { access, constants, readFile, stat } from 'node:fs/promises'
import * as path from 'node:path'
import { promisify } from 'node:util'
import type { TaskError } from '@codesdkd/protocol'
import * as z from 'zod'
import { RuntimeFailure } from '../core/ports.ts'
import type { Enclosure } from '../core/enclosure.ts'
import type { RuntimeEnv } from '../core/ports.ts'
import { SpawnFailure, openProcess } from './process.ts'
import type { AgentProcess, ProcessEnd, ProcessOptions } from './process.ts'

export interface LaunchOptions extends Omit<ProcessOptions, 'executable' | 'depth'> {
  /** The agent's name as people write it, for messages. */
  readonly agent: string
  readonly executable: string | null
  readonly enclosure: Enclosure
  /** Files and directories that the agent has to read beside its executable and what the session has. */
  readonly readable?: readonly string[]
  /** Login files that it may refresh. */
  readonly writable?: readonly string[]
}

/** A program with its arguments; a script of Node is run by the Node of the daemon, whatever `node` is on the PATH. */
export function toCommand(executable: string): readonly [program: string, ...args: string[]] {
  return /\.[cm]?js$/.test(executable) ? [process.execPath, executable] : [executable]
}

/** Starts an agent inside its enclosure. Rejects with `RuntimeFailure` when there is none, or when the system does not start it. */
export async function launch({
  agent,
  executable,
  enclosure,
  readable = [],
  writable = [],
  ...options
}: LaunchOptions): Promise<AgentProcess> {
  if (executable === null)
    throw new RuntimeFailure({ code: 'agent_not_installed', message: `${agent} is not installed.`, retryable: false })
  const [program, ...first] = toCommand(executable)
  const args = [...first, ...options.args]
  const command = enclosure.enclose({ ...options, program, args, readable: [executable, ...readable], writable })
  try {
    // From outside nobody would see that there is nothing to be started inside.
    await access(executable, first.length === 0 ? constants.X_OK : constants.R_OK)
    return await openProcess({ ...options, ...command, executable: command.program })
  } catch (error) {
    const code = error instanceof SpawnFailure ? error.code : toErrorCode(error)
    if (code === null) throw error
    const installed = await stat(executable).then(
      () => true,
      () => false,
    )
    const kind = installed ? 'agent_start_failed' : 'agent_not_installed'
    throw new RuntimeFailure({ code: kind, message: `${agent} could not be started: ${code}.`, retryable: false }, { cause: error })
  }
}

function toErrorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
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
