import { once } from 'node:events'
import { constants } from 'node:os'
import { inspect } from 'node:util'
import { readInvocation, type Config } from './configuration/config.ts'
import { StartFailure } from './core/start-failure.ts'
import { createDaemon, type Daemon } from './daemon.ts'
import { usage } from './configuration/options.ts'
import { watchParent } from './parent-watch.ts'
import { takeEnvironmentToken } from './configuration/token.ts'
import { version } from './version.ts'
import { boundYoungSpace, keepObjectsYoung } from './young-space.ts'

/** How long a shutdown may take before the process ends all the same. Milliseconds. */
const SHUTDOWN_LIMIT = 10_000

/** argv -> config -> daemon -> ready line -> wait for the end. Ends the process. */
export async function main(argv: readonly string[]): Promise<never> {
  try {
    if (process.platform !== 'linux' && process.platform !== 'darwin') {
      throw new StartFailure('invalid_config', `codesdkd runs on Linux and macOS, not on ${process.platform}`)
    }
    if (isForPeople(argv)) {
      const { runCommand } = await import('./cli/run-command.ts')
      const exitCode = await runCommand(argv, process.env)
      if (exitCode !== null) return await leave(exitCode)
    }
    const token = takeEnvironmentToken(process.env)
    const invocation = readInvocation(argv, process.env, token)
    switch (invocation.command) {
      case 'help':
        return await print(usage)
      case 'version':
        return await print(`${version}\n`)
      case 'serve':
        return await serve(invocation.config, createDaemon)
      case 'agents': {
        const { runAgents } = await import('./agents/run-agents.ts')
        const { exitCode, stdout } = await runAgents(invocation.request, invocation.config)
        await print(stdout, false)
        return process.exit(exitCode)
      }
      case 'keys': {
        const { runKeys } = await import('./keys/run-keys.ts')
        const { exitCode, stdout } = await runKeys(invocation.request, invocation.config, { input: process.stdin, output: process.stderr })
        await print(stdout, false)
        return process.exit(exitCode)
      }
      case 'replay': {
        const { openReplay } = await import('./open-replay.ts')
        return await serve(invocation.config, (config) => openReplay(invocation.request, config))
      }
      default:
        return invocation satisfies never
    }
  } catch (error) {
    return refuse(error)
  }
}

/** False where a daemon is to be started, which need not read what it takes to talk to one. */
function isForPeople([first = 'serve', ...more]: readonly string[]): boolean {
  if (first.startsWith('-')) return ['--help', '-h'].includes(first) && more.length === 0
  return !['serve', 'agents', 'keys', 'replay'].includes(first)
}

type Served = Daemon & { readonly about?: Readonly<Record<string, string>> }

async function serve(config: Config, open: (config: Config) => Promise<Served>): Promise<never> {
  keepObjectsYoung()
  boundYoungSpace()
  const end = Promise.withResolvers<string>()
  takeSignals(end.resolve)
  using _watch = watchParent(config.parentWatch, end.resolve)
  const daemon = await open(config)
  process.on('uncaughtException', (error) => void fall(daemon, error))
  process.on('unhandledRejection', (error) => daemon.logger.error({ err: error }, 'a promise was rejected and nobody minded'))
  const { url, madeToken, about } = daemon
  await print(`${JSON.stringify({ url, ...(madeToken === null ? {} : { token: madeToken }), ...about })}\n`, false)
  const why = await end.promise
  daemon.logger.info({ why }, 'shutting down')
  return close(daemon, 0)
}

/** The first one asks for the end. Whoever asks again does not want to wait; a terminal that closes is not impatient. */
function takeSignals(end: (signal: string) => void): void {
  // Node would open its debugger on SIGUSR1, and end on SIGPIPE or SIGXFSZ without a word.
  for (const signal of ['SIGUSR1', 'SIGPIPE', 'SIGXFSZ'] as const)
    if (signal in constants.signals) process.on(signal as NodeJS.Signals, () => undefined)
  process.on('SIGHUP', end)
  let asked = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1)
      asked = true
      end(signal)
    })
  }
}

/** Says in one line why the daemon does not start. What nobody foresaw is told with all there is to find it by. */
function refuse(error: unknown): never {
  const expected = error instanceof StartFailure
  process.stderr.write(`codesdkd: ${expected ? error.message.replaceAll('\n', '; ') : inspect(error)}\n`)
  return process.exit(expected ? error.exitCode : 70)
}

/** Nothing is known of the state after an uncaught error: what is open is closed, then the process ends. */
async function fall(daemon: Daemon, error: unknown): Promise<never> {
  daemon.logger.fatal({ err: error }, 'uncaught error')
  return close(daemon, 70)
}

async function close(daemon: Daemon, exitCode: number): Promise<never> {
  setTimeout(() => process.exit(exitCode === 0 ? 1 : exitCode), SHUTDOWN_LIMIT).unref()
  try {
    await daemon[Symbol.asyncDispose]()
  } catch (error) {
    daemon.logger.error({ err: error }, 'the shutdown failed')
    return process.exit(70)
  }
  return process.exit(exitCode)
}

/** Ends when everything is written: a pipe may be slower than we are. */
async function leave(exitCode: number): Promise<never> {
  if (process.stdout.writableLength > 0) await once(process.stdout, 'drain')
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
