import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Injection {
  /** Names of system calls, with commas. */
  readonly calls: string
  readonly error: string
  /** Which of them, as strace has it: `5`, `5+`; counted for each thread. Default: all. */
  readonly when?: string
  /** Only calls on these files. */
  readonly paths?: readonly string[]
}

/** The command that runs a daemon whose system calls fail. */
export function underStrace(injection: Injection): readonly string[] {
  return ['strace', '-f', '-qq', '-o', '/dev/null', ...toArgs(injection)]
}

/** Makes system calls of a process fail until it is disposed. */
export async function attachStrace(pid: number, injection: Injection): Promise<AsyncDisposable> {
  const tracer = spawn('strace', ['-f', '-o', '/dev/null', ...toArgs(injection), '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const gone = once(tracer, 'exit')
  const attached = Promise.withResolvers<void>()
  let said = ''
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.includes(' attached')) attached.resolve()
  })
  await Promise.race([attached.promise, gone.then(() => Promise.reject(new Error(`strace: ${said}`)))])
  return {
    async [Symbol.asyncDispose]() {
      tracer.kill('SIGINT')
      await gone
    },
  }
}

function toArgs({ calls, error, when, paths = [] }: Injection): readonly string[] {
  const inject = `inject=${calls}:error=${error}${when === undefined ? '' : `:when=${when}`}`
  return ['-e', `trace=${calls}`, '-e', inject, ...paths.flatMap((path) => ['-P', path])]
}
