import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { TestClient } from '../harness/client.ts'
import { executable } from '../harness/daemon.ts'

/** A daemon that was started by way of another program (strace, prlimit, setpriv, nsenter). Disposing ends it. */
export interface Launched extends AsyncDisposable {
  readonly client: TestClient
  /** Of the daemon itself, not of what started it. */
  readonly pid: number
  stderr(): string
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

export interface LaunchOptions {
  readonly args: readonly string[]
  /** The command that runs the daemon's command line. */
  readonly prefix?: readonly string[]
  /** Arguments of Node. */
  readonly node?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export class Refused extends Error {
  readonly code: number | NodeJS.Signals
  readonly stderr: string

  constructor(code: number | NodeJS.Signals, stderr: string) {
    super(`the daemon ended with ${code}: ${stderr}`)
    this.code = code
    this.stderr = stderr
  }
}

const LIMIT = 60_000
/** Daemons are started by the hundred: what Node compiled once is kept for the next. */
const compiled = new URL('../../node_modules/.cache/compiled', import.meta.url).pathname

/** Resolves when the daemon is ready; rejects with `Refused` when it ends instead. */
export async function launch({ args, prefix = [], node = [], env = {} }: LaunchOptions): Promise<Launched> {
  const [command = '', ...rest] = [...prefix, process.execPath, ...node, executable, ...args]
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { NODE_COMPILE_CACHE: compiled, ...process.env, XDG_CONFIG_HOME: '/nonexistent', ...env },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const closed = once(child, 'close').then(() => child.exitCode ?? child.signalCode ?? 'SIGKILL')
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT)
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, closed])
  clearTimeout(limit)
  if (!Array.isArray(line)) throw new Refused(line, stderr)
  const { url } = JSON.parse(line[0]) as { url: string }
  const pid = toDaemonPid(child)
  const end: Launched['end'] = async (signal = 'SIGTERM') => {
    signalIfAlive(pid, signal)
    const late = setTimeout(() => child.kill('SIGKILL'), LIMIT)
    return closed.finally(() => clearTimeout(late))
  }
  return {
    client: new TestClient(url),
    pid,
    stderr: () => stderr,
    ended: closed,
    end,
    async [Symbol.asyncDispose]() {
      await end('SIGKILL')
    },
  }
}

/** Under strace the daemon is a child of what was started, and may have ended before it. */
function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Expects a start to fail; resolves with how it ended. */
export async function refusedStart(options: LaunchOptions): Promise<Refused> {
  try {
    await using daemon = await launch(options)
    throw new Error(`it started: ${daemon.client.url}`)
  } catch (error) {
    if (error instanceof Refused) return error
    throw error
  }
}

/** strace has the daemon for its child; all the others become it. */
function toDaemonPid(child: ChildProcess): number {
  const pid = child.pid ?? 0
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const [first] = below === '' ? [] : below.split(' ').map(Number)
  return first !== undefined && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'strace' ? first : pid
}
