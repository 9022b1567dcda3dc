import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Client } from '../client.ts'
import { createClient } from './node-client.ts'

export interface StartDaemon {
  /** Options of `codesdkd serve`. */
  readonly args?: readonly string[]
  readonly dataDir?: string
  /** Beside this process's own variables; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The program and its first arguments. Default: the package `codesdkd` that is installed beside this one, else `codesdkd` of the PATH. */
  readonly command?: readonly string[]
  /** Told of each line that the daemon logs. */
  readonly onLog?: (line: string) => void
  /** How long it may take until it is ready, in milliseconds (30,000). */
  readonly startTimeoutMs?: number
}

export interface DaemonEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A daemon of one's own. It ends with this process, however that ends; disposing it stops it. */
export interface DaemonHandle extends AsyncDisposable {
  readonly url: string
  /** What the daemon wants to see of a client; null where it asks for none. Nobody else knows it. */
  readonly token: string | null
  readonly pid: number
  readonly client: Client
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<DaemonEnd>
  /** The end of what it has logged. */
  logTail(): string
  /** Asks it to end, which it does within 10 seconds with all its agents, and makes it end after 15. */
  stop(): Promise<DaemonEnd>
}

/** The daemon has ended before it was ready, or was not ready in time. */
export class DaemonStartError extends Error {
  override readonly name = 'DaemonStartError'
  /** As `docs/operations.md` lists them; null where a signal ended it, or it could not be started. */
  readonly exitCode: number | null
  readonly stderrTail: string

  constructor(message: string, about: { readonly exitCode: number | null; readonly stderrTail: string; readonly cause?: unknown }) {
    super(message, { cause: about.cause })
    this.exitCode = about.exitCode
    this.stderrTail = about.stderrTail
  }
}

const TAIL = 8_192
const STOP_LIMIT = 15_000

/** Starts a daemon and resolves when it takes requests. Rejects with `DaemonStartError`; nothing is left running then. */
export async function startDaemon(options: StartDaemon = {}): Promise<DaemonHandle> {
  const { args = [], dataDir, env = {}, command = findCommand(), onLog, startTimeoutMs = 30_000 } = options
  const [program = 'codesdkd', ...first] = command
  // Its stdin is the watch on this process: it ends when the pipe does.
  const words = [...first, 'serve', '--parent-watch', 'stdin', ...(dataDir === undefined ? [] : ['--data-dir', dataDir]), ...args]
  // In a process group of its own: Ctrl-C is for this process, which then ends the daemon in its own time.
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true })
  child.stdin.on('error', () => undefined)
  const tail = keepTail(child.stderr, onLog)
  const ended = toEnd(child)
  const stop = () => stopChild(child, ended)
  try {
    const ready = await withinTime(firstLine(child.stdout, ended), startTimeoutMs)
    const { url, token } = toReady(ready)
    const client = createClient({ url, ...(token === null ? {} : { token }) })
    return { url, token, pid: child.pid ?? 0, client, ended, logTail: tail, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
  } catch (cause) {
    child.kill('SIGKILL')
    const { code } = await ended
    const why = tail().trim().split('\n').at(-1) ?? ''
    const message = `The daemon did not start: ${why === '' && cause instanceof Error ? cause.message : why}`
    throw new DaemonStartError(message, { exitCode: code, stderrTail: tail(), cause })
  }
}

function findCommand(): readonly string[] {
  try {
    const manifest = createRequire(import.meta.url).resolve('codesdkd/package.json')
    return [process.execPath, join(dirname(manifest), 'bin/codesdkd.js')]
  } catch {
    return ['codesdkd']
  }
}

function keepTail(stderr: Readable, onLog: StartDaemon['onLog']): () => string {
  let kept = ''
  createInterface({ input: stderr }).on('line', (line) => {
    kept = `${kept}${line}\n`.slice(-TAIL)
    onLog?.(line)
  })
  return () => kept
}

/** `close` comes after everything that it has written was read; a program that cannot be started has no end of its own. */
function toEnd(child: ChildProcess): Promise<DaemonEnd> {
  const { promise, resolve } = Promise.withResolvers<DaemonEnd>()
  child.on('close', (code, signal) => resolve({ code, signal })).on('error', () => resolve({ code: null, signal: null }))
  return promise
}

async function firstLine(stdout: Readable, ended: Promise<DaemonEnd>): Promise<string> {
  const lines = createInterface({ input: stdout })
  const line = once(lines, 'line').then(([text]: unknown[]) => String(text))
  const early = ended.then(({ code, signal }) => Promise.reject(new Error(`it ended with ${String(code ?? signal)} before it was ready`)))
  return Promise.race([line, early])
}

async function withinTime<T>(waiting: Promise<T>, milliseconds: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('it was not ready in time')), milliseconds)
  try {
    return await Promise.race([waiting, promise])
  } finally {
    clearTimeout(timer)
  }
}

function toReady(line: string): { readonly url: string; readonly token: string | null } {
  const ready: unknown = JSON.parse(line)
  if (typeof ready !== 'object' || ready === null || !('url' in ready) || typeof ready.url !== 'string')
    throw new Error('its first line is no ready line')
  return { url: ready.url, token: 'token' in ready && typeof ready.token === 'string' ? ready.token : null }
}

async function stopChild(child: ChildProcess, ended: Promise<DaemonEnd>): Promise<DaemonEnd> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT)
  try {
    return await ended
  } finally {
    clearTimeout(timer)
  }
}
