import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A script of this folder in a process of its own. Disposing kills it. */
export interface Child extends AsyncDisposable {
  readonly process: ChildProcess
  /** What it writes to stdout. */
  readonly lines: AsyncIterable<string>
  /** Resolves when it is gone and its output was read. */
  readonly closed: Promise<unknown>
}

export type Script = 'appender.ts' | 'eraser.ts' | 'forker.ts' | 'holder.ts' | 'full-disk.ts'

/** `prefix`: a command that runs the script's command line. */
export function startChild(script: Script, args: readonly string[], prefix: readonly string[] = []): Child {
  const [command = '', ...rest] = [...prefix, process.execPath, fileURLToPath(new URL(script, import.meta.url)), ...args]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  return {
    process: child,
    lines: createInterface({ input: child.stdout }),
    closed,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
