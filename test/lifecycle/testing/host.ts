import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export const root = join(import.meta.dirname, '../../..')
export const executable = join(root, 'packages/daemon/bin/codesdkd.js')

type Env = Readonly<Record<string, string | undefined>>

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  /** Beside this process's own; undefined takes a variable away. */
  readonly env?: Env
  /** Told of all that was written to stdout so far; what it returns is typed in. Without it stdin is empty. */
  readonly type?: (stdout: string) => string | null
  /** Default: 30 s. */
  readonly limitMs?: number
}

/** Runs a program to its end, which it must find by itself within that time (`code` is null otherwise). */
export async function run(command: string, args: readonly string[], { env = {}, type, limitMs = 30_000 }: RunOptions = {}): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const options = { cwd: root, env: { ...process.env, ...env }, timeout: limitMs, killSignal: 'SIGKILL' } as const
  const child = execFile(command, [...args], options, (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }))
  let seen = ''
  child.stdout?.on('data', (text: string) => {
    seen += text
    const answer = type?.(seen) ?? null
    if (answer !== null) child.stdin?.write(answer)
  })
  if (type === undefined) child.stdin?.end()
  return promise
}

/** A start that is meant to fail. */
export const codesdkd = (args: readonly string[], env: Env = {}): Promise<Ended> => run(process.execPath, [executable, ...args], { env })

/** A program that was started and is read until it closes its output. Disposing kills it, if it still lives. */
export interface Hosted extends AsyncDisposable {
  readonly child: ChildProcess
  readonly pid: number
  /** The first line of its stdout; rejects when it ends without one. */
  readonly ready: Promise<string>
  readonly output: { stdout: string; stderr: string }
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>
}

/** Starts `codesdkd` as a host does that wants to see everything; `stdin` as in `child_process`. */
export function host(
  args: readonly string[],
  { env = {}, stdin = 'pipe' }: { env?: Env; stdin?: 'pipe' | 'ignore' | number } = {},
): Hosted {
  const child = spawn(process.execPath, [executable, ...args], { stdio: [stdin, 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('nothing to read from')
  const output = { stdout: '', stderr: '' }
  collect(stdout, (text) => {
    output.stdout += text
  })
  collect(stderr, (text) => {
    output.stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => (typeof code === 'number' ? code : String(signal)))
  const line = once(createInterface({ input: stdout }), 'line').then(([text]: unknown[]) => String(text))
  const ready = Promise.race([line, ended.then((how) => Promise.reject(new Error(`codesdkd ended with ${how}: ${output.stderr}`)))])
  ready.catch(() => undefined)
  return {
    child,
    pid: child.pid ?? 0,
    ready,
    output,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

export function urlOf(readyLine: string): string {
  const { url } = JSON.parse(readyLine) as { url: string }
  return url
}

function collect(stream: Readable, add: (text: string) => void): void {
  stream
    .setEncoding('utf8')
    .on('data', add)
    .on('error', () => undefined)
}
