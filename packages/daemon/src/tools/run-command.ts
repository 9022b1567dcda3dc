import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { ToolOutcome, ToolRun } from '../core/tools.ts'
import type { CommandRun } from './tool-entry.ts'
import { toToolEnvironment, type ToolWorld } from './tool-world.ts'

/** Milliseconds between SIGTERM and SIGKILL. */
const STOP_GRACE = 3000
/** Milliseconds that pipes may stay open which somebody else holds. */
const PIPE_GRACE = 1000

export interface RunOptions {
  /** The result is one JSON value, not text. */
  readonly structured: boolean
}

/**
 * Runs a program: the input is JSON on its stdin, its stdout is the result. Settles when the program, its group and whatever it left
 * behind are gone. Rejects when the system does not start it, and when the signal is aborted.
 */
export async function runCommand(run: CommandRun, call: ToolRun, world: ToolWorld, { structured }: RunOptions): Promise<ToolOutcome> {
  call.signal.throwIfAborted()
  const [program, ...args] = run.command
  const mark = world.newId()
  const env = toToolEnvironment(world, run.env, mark)
  const child = spawn(program, args, { cwd: run.cwd ?? call.cwd, env, detached: true, stdio: 'pipe' })
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  world.ledger.started({ pid, mark })
  // A program need not read its input.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(call.input))
  const over = new AbortController()
  const written = collect(child, { limit: run.output_limit, structured, call, exceeded: () => over.abort() })
  try {
    await ended(child, AbortSignal.any([call.signal, over.signal]))
  } finally {
    signalGroup(pid, 'SIGKILL')
    await world.sweep(mark)
    world.ledger.ended(pid)
    await closed(child)
  }
  if (over.signal.aborted) return { result: `The tool wrote more than ${run.output_limit} bytes and was ended.`, isError: true }
  call.signal.throwIfAborted()
  return toOutcome(child, written, structured)
}

/** Resolves when the program has exited; asks it to, and then makes it, once the signal is aborted. */
async function ended(child: ChildProcessWithoutNullStreams, stop: AbortSignal): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()
  const gone = new AbortController()
  const end = async () => {
    signalGroup(child.pid ?? 0, 'SIGTERM')
    await delay(STOP_GRACE, undefined, { signal: gone.signal }).catch(() => {})
    if (!gone.signal.aborted) signalGroup(child.pid ?? 0, 'SIGKILL')
  }
  const onStop = () => void end()
  if (stop.aborted) onStop()
  else stop.addEventListener('abort', onStop, { once: true })
  await exited
  stop.removeEventListener('abort', onStop)
  gone.abort()
}

async function closed(child: ChildProcessWithoutNullStreams): Promise<void> {
  const open = [child.stdout, child.stderr].filter((stream) => !stream.closed)
  const late = new AbortController()
  const ends = Promise.all(open.map((stream) => once(stream, 'close')))
  const given = delay(PIPE_GRACE, undefined, { signal: late.signal }).catch(() => {})
  await Promise.race([ends, given])
  late.abort()
  for (const stream of open) stream.destroy()
}

interface Written {
  stdout: string
  stderr: string
}

interface Collecting {
  readonly limit: number
  readonly structured: boolean
  readonly call: ToolRun
  readonly exceeded: () => void
}

function collect(child: ChildProcessWithoutNullStreams, { limit, structured, call, exceeded }: Collecting): Written {
  const written = { stdout: '', stderr: '' }
  let size = 0
  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder()
    const take = (text: string) => {
      written[name] += text
      if (text !== '' && (name === 'stderr' || !structured)) call.output(name, text)
    }
    child[name].on('data', (chunk: Buffer) => {
      const fits = size <= limit
      size += chunk.length
      if (size <= limit) take(decoder.decode(chunk, { stream: true }))
      // Read on, so that it does not hang in a full pipe while it is asked to end.
      else if (fits) exceeded()
    })
    child[name].on('end', () => take(decoder.decode()))
    child[name].on('error', () => {})
  }
  return written
}

function toOutcome(
  { exitCode, signalCode }: ChildProcessWithoutNullStreams,
  { stdout, stderr }: Written,
  structured: boolean,
): ToolOutcome {
  if (exitCode !== 0) {
    const how = exitCode === null ? `was ended by ${signalCode ?? 'a signal'}` : `failed with exit code ${exitCode}`
    return { result: [`The tool ${how}.`, stderr, stdout].filter((part) => part !== '').join('\n'), isError: true, exitCode }
  }
  if (!structured) return { result: stdout, isError: false, exitCode }
  try {
    return { result: JSON.parse(stdout) as unknown, isError: false, exitCode }
  } catch {
    return { result: `The tool did not write JSON:\n${stdout.slice(0, 2000)}`, isError: true, exitCode }
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(-pid, signal)
  } catch {
    // The group is gone.
  }
}
