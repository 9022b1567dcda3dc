import { spawn } from 'node:child_process'
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import type { ProcessLedger } from '../core/ports.ts'
import { findInmate, untilEmpty } from './inmate.ts'
import type { Inmate } from './inmate.ts'
import { toLines } from './lines.ts'
import type { Line } from './lines.ts'
import { findProgram, readStat } from './process-stat.ts'

/** The environment variable that marks every process of an agent, so that strays can be told from other people's. */
export const processMark = 'CODESDKD_PROCESS'

const maxLineBytes = 8 * 1024 * 1024
const stderrBytes = 64 * 1024
/** The most that a pipe holds on Linux, unless root says otherwise. */
const pipeBytes = 1024 * 1024

export interface ProcessOptions {
  readonly executable: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Value of `CODESDKD_PROCESS`. */
  readonly mark: string
  /** How many processes stand between the one that is started and the program itself, as a sandbox has them; default 0. */
  readonly depth?: number
  readonly ledger: ProcessLedger
  /** Milliseconds between SIGTERM and SIGKILL; default 5000. */
  readonly stopGraceMs?: number
  /** Milliseconds that a dead agent's output may stay open and empty; default 2000. */
  readonly exitGraceMs?: number
}

export interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** The last 64 KB of stderr, without terminal control sequences. */
  readonly stderrTail: string
}

/** Why a process did not come to life; `code` is the system's (`ENOENT`, `EACCES` …). */
export class SpawnFailure extends Error {
  override readonly name = 'SpawnFailure'
  readonly code: string

  constructor(code: string, options?: ErrorOptions) {
    super(`the process could not be started: ${code}`, options)
    this.code = code
  }
}

/** Starts a program as leader of its own process group; never through a shell. Rejects with SpawnFailure. */
export async function openProcess(options: ProcessOptions): Promise<AgentProcess> {
  try {
    const child = spawn(options.executable, [...options.args], {
      cwd: options.cwd,
      env: { ...options.env, [processMark]: options.mark },
      detached: true,
      stdio: 'pipe',
    })
    await once(child, 'spawn')
    return new AgentProcess(child, options)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
    throw new SpawnFailure(code, { cause: error })
  }
}

/** A running agent. Disposing it ends the whole process group, and all that is in a sandbox, and resolves when that is gone. */
export class AgentProcess implements AsyncDisposable {
  readonly pid: number
  /** stdout, as many lines at a time as came together. Reading slowly slows the agent down. Ends when the agent is gone, even if a stray child keeps the pipe. Read it once. */
  readonly lines: AsyncIterable<readonly Line[]>
  /** Resolves when the process is gone and its stderr is read; does not wait for `lines`. Never rejects. */
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #exited: Promise<void>
  readonly #stopGraceMs: number
  readonly #depth: number
  #inmate: Inmate | null = null

  constructor(child: ChildProcessWithoutNullStreams, options: ProcessOptions) {
    // Known since `spawn` was emitted.
    this.pid = child.pid ?? 0
    this.#child = child
    this.#stopGraceMs = options.stopGraceMs ?? 5000
    this.#depth = options.depth ?? 0
    const exitGraceMs = options.exitGraceMs ?? 2000
    options.ledger.started({ pid: this.pid, mark: options.mark })
    // A pipe whose reader is gone is no news: the exit tells it.
    child.stdin.on('error', () => {})
    child.on('error', () => {})
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        // What the agent left behind in its group must not outlive it.
        this.#signal('SIGKILL')
        options.ledger.ended(this.pid)
        resolve()
      })
    })
    this.lines = toLines(this.#heard(readUntilGone(child.stdout, this.#exited, exitGraceMs)), maxLineBytes)
    const stderr = toTail(readUntilGone(child.stderr, this.#exited, exitGraceMs))
    this.ended = Promise.all([stderr, this.#exited]).then(([stderrTail]) => ({
      ...toExit(child, this.#depth),
      stderrTail,
    }))
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /**
   * The process groups of the program and of a sandbox around it, which begins sessions of its own: what else is in another group
   * was put there by the program. Empty once the agent is gone.
   */
  async groups(): Promise<ReadonlySet<number>> {
    if (!this.alive) return new Set()
    const inner = await Promise.all(Array.from({ length: this.#depth }, (_, above) => findProgram(this.pid, above + 1)))
    const stats = inner.flatMap((pid) => (pid === null ? [] : [readStat(pid)]))
    return new Set([this.pid, ...stats.flatMap((stat) => (stat === null ? [] : [stat.group]))])
  }

  /** Writes one line; a process that is gone takes none. Lines arrive in the order of the calls. */
  write(line: string): void {
    if (this.#child.stdin.writable) this.#child.stdin.write(`${line}\n`)
  }

  /** Kills the whole group at once. Nothing once the agent is gone: its group went with it, and its number may be another's by now. */
  kill(): void {
    if (this.alive) this.#signal('SIGKILL')
  }

  /** For an agent that has nothing more to say: lets it exit by itself for a moment, so that its exit code is told, and then kills it. */
  async settle(): Promise<ProcessEnd> {
    await Promise.race([this.ended, delay(1000, undefined, { ref: false })])
    this.kill()
    return await this.ended
  }

  /** Closes stdin, asks the group to end, and kills it after the grace period. Resolves when all of it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    if (this.alive) await this.#meet()
    if (this.alive) await this.#terminate()
    const late = new AbortController()
    const kill = delay(this.#stopGraceMs, undefined, { signal: late.signal }).then(
      () => this.kill(),
      () => {},
    )
    await this.#exited
    late.abort()
    await kill
    // Nobody reads what is left; an unread pipe would keep the descriptor.
    this.#child.stdout.destroy()
    await this.ended
    // What is killed dies a moment later; a dead child of which nobody takes note is not waited for.
    for (let round = 0; round < 25 && this.#signal(0); round += 1) await delay(20)
    if (this.#inmate !== null) await untilEmpty(this.#inmate)
  }

  async #meet(): Promise<void> {
    if (this.#depth > 0) this.#inmate ??= await findInmate(this.pid)
  }

  /** Who has said something is there; before that nothing was run for anybody. */
  async *#heard(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (this.#inmate === null) await this.#meet()
      yield chunk
    }
  }

  /** Asks the program to end. A sandbox around it passes no signal on: it would end at once, and the program with it, unasked. */
  async #terminate(): Promise<void> {
    const program = this.#depth === 0 ? null : await findProgram(this.pid, this.#depth)
    if (program === null) this.#signal('SIGTERM')
    else sendSignal(program, 'SIGTERM')
  }

  /** False when the group is gone already. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    return sendSignal(-this.pid, signal)
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** A sandbox tells the death of its program by a signal as an exit code, as shells do. */
function toExit({ exitCode, signalCode }: ChildProcess, depth: number): Pick<ProcessEnd, 'exitCode' | 'signal'> {
  const number = depth === 0 || exitCode === null ? 0 : exitCode - 128
  const signal = Object.entries(constants.signals).find(([, one]) => one === number)?.[0]
  return signal === undefined ? { exitCode, signal: signalCode } : { exitCode: null, signal }
}

/**
 * Chunks until the stream ends. Once the process has exited, a stray child may still hold the pipe: then what the pipe can have
 * held is read, and no more than that; and a pipe that stays open and empty is given up.
 */
async function* readUntilGone(stream: Readable, exited: Promise<void>, graceMs: number): AsyncGenerator<Uint8Array> {
  const closed = new AbortController()
  let left = Infinity
  stream.once('close', () => closed.abort())
  void exited.then(() => {
    left = pipeBytes
    return destroyWhenEmpty(stream, graceMs, closed.signal)
  })
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      yield chunk
      left -= chunk.length
      if (left < 0) break
    }
  } catch (error) {
    // Destroyed on purpose, or broken: either way there is nothing more to read.
    if (!stream.destroyed) throw error
  }
}

// Something in the buffer means that the reader is slow, not that nothing comes.
async function destroyWhenEmpty(stream: Readable, graceMs: number, signal: AbortSignal): Promise<void> {
  do await delay(graceMs, undefined, { signal, ref: false }).catch(() => {})
  while (!signal.aborted && stream.readableLength > 0)
  stream.destroy()
}

async function toTail(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let kept: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    kept.push(chunk)
    size += chunk.length
    if (size <= 2 * stderrBytes) continue
    kept = [Buffer.concat(kept).subarray(-stderrBytes)]
    size = stderrBytes
  }
  return stripVTControlCharacters(Buffer.concat(kept).subarray(-stderrBytes).toString('utf8'))
}
