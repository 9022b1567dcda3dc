import { once } from 'node:events'
import { constants } from 'node:os'
import { readInvocation, usage, type Config } from './config.ts'
import { StartFailure } from './core/start-failure.ts'
import { createDaemon, version, type Daemon } from './daemon.ts'
import { watchParent } from './parent-watch.ts'
import { leaveEnvironmentToken } from './token.ts'

/** How long a shutdown may take before the process ends all the same. Milliseconds. */
const SHUTDOWN_LIMIT = 10_000

/** argv -> config -> daemon -> ready line -> wait for the end. Ends the process. */
export async function main(argv: readonly string[]): Promise<never> {
  try {
    if (process.platform !== 'linux' && process.platform !== 'darwin') {
      throw new StartFailure('invalid_config', `codesdkd runs on Linux and macOS, not on ${process.platform}`)
    }
    leaveEnvironmentToken(process.env)
    const invocation = readInvocation(argv, process.env)
    switch (invocation.command) {
      case 'help': return await print(usage)
      case 'version': return await print(`${version}\n`)
      case 'serve': return await serve(invocation.config)
      default: return invocation satisfies never
    }
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    process.stderr.write(`codesdkd: ${error.message}\n`)
    return process.exit(error.exitCode)
  }
}

async function serve(config: Config): Promise<never> {
  // Node would open its debugger on SIGUSR1, and end on SIGPIPE or SIGHUP without a word.
  for (const signal of ['SIGUSR1', 'SIGPIPE', 'SIGXFSZ'] as const) if (signal in constants.signals) process.on(signal as NodeJS.Signals, () => undefined)
  const end = Promise.withResolvers<string>()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end.resolve(signal))
  const daemon = await createDaemon(config)
  process.on('uncaughtException', (error) => void fall(daemon, error))
  process.on('unhandledRejection', (error) => daemon.logger.error({ err: error }, 'a promise was rejected and nobody minded'))
  using _watch = watchParent(config.parentWatch, end.resolve)
  await print(`${JSON.stringify({ url: daemon.url, ...(daemon.madeToken === null ? {} : { token: daemon.madeToken }) })}\n`, false)
  const why = await end.promise
  daemon.logger.info({ why }, 'shutting down')
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  return close(daemon, 0)
}

/** Nothing is known of the state after an uncaught error: what is open is closed, then the process ends. */
async function fall(daemon: Daemon, error: unknown): Promise<never> {
  daemon.logger.fatal({ err: error }, 'uncaught error')
  return close(daemon, 70)
}

async function close(daemon: Daemon, exitCode: number): Promise<never> {
  setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), SHUTDOWN_LIMIT).unref()
  await daemon[Symbol.asyncDispose]()
  return process.exit(exitCode)
}

/** Writes the whole text before anything else happens: a host may read one line and close the pipe. */
async function print(text: string, exit?: true): Promise<never>
async function print(text: string, exit: false): Promise<void>
async function print(text: string, exit = true): Promise<void> {
  process.stdout.on('error', () => undefined)
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
  if (exit) process.exit(0)
}
