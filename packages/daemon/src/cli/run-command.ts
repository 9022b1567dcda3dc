import { parseArgs } from 'node:util'
import { ApiError, ConnectionError, DaemonStartError } from '@codesdkd/client/node'
import { readInvocation } from '../configuration/config.ts'
import { StartFailure } from '../core/start-failure.ts'
import { toParseOptions, type Command } from './command.ts'
import { commands, otherCommands } from './commands.ts'
import { shells, toCompletion } from './completion.ts'
import { toCommandHelp, toHelp } from './help.ts'
import { openDaemon, readClientToken } from './open-daemon.ts'
import { createScreen, type Screen } from './screen.ts'
import { UsageError } from './usage-error.ts'

/** Runs a command that talks to a daemon, or says what there is. Its exit code; null where the command line is not one of these. */
export async function runCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number | null> {
  const [name = '', ...rest] = argv
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined && !['help', '--help', '-h', 'completion'].includes(name)) return null
  using screen = createScreen(process.stdout, process.stderr)
  // Whoever reads only the beginning has seen enough.
  process.stdout.on('error', () => process.exit(0))
  try {
    if (command !== undefined) return await perform(name, command, rest, env, screen)
    if (name === 'completion') screen.write(toCompletion(toShell(rest), commands, Object.keys(otherCommands)))
    else screen.write(toHelp())
    return 0
  } catch (error) {
    screen.note(`codesdkd: ${toMessage(error)}`)
    return toExitCode(error)
  }
}

async function perform(name: string, command: Command, argv: readonly string[], env: NodeJS.ProcessEnv, screen: Screen): Promise<number> {
  const { values, words, serve } = parse(name, command, argv)
  const text = (flag: string) => (values[flag] === undefined || values[flag] === false ? undefined : String(values[flag]))
  if (values['help'] === true) {
    screen.write(toCommandHelp(name, command))
    return 0
  }
  checkWords(name, command, words)
  const enough = new AbortController()
  takeInterrupts(enough)
  await using daemon = await openDaemon({
    dataDir: toDataDir(text('data-dir'), env),
    url: text('url'),
    token: readClientToken(text('token-file'), env),
    serve: [...(values['offline'] === true ? ['--offline'] : []), ...serve],
    onWanted: () => screen.note('codesdkd: waiting for tasks that other commands have begun in this daemon; Ctrl-C leaves them'),
    signal: enough.signal,
  })
  if (!daemon.own && (serve.length > 0 || values['offline'] === true))
    screen.note('codesdkd: a daemon runs already, with options of its own: those of this command are left out')
  return await command.run({ words, text, json: values['json'] === true, client: daemon.client, screen, signal: enough.signal })
}

function parse(name: string, command: Command, argv: readonly string[]) {
  const end = argv.indexOf('--')
  const [own, serve] = end < 0 ? [argv, []] : [argv.slice(0, end), argv.slice(end + 1)]
  if (end >= 0 && name !== 'run') throw new UsageError('only "run" takes options of the daemon, after --')
  try {
    const { values, positionals } = parseArgs({ args: [...own], allowPositionals: true, options: toParseOptions(command.flags) })
    return { values, words: positionals, serve }
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message.split('. ')[0] : String(error)}; try: codesdkd ${name} --help`)
  }
}

/** As many words as the command has; the last of those that may be left out, or are a text, takes all that follow. */
function checkWords(name: string, { words }: Command, given: readonly string[]): void {
  const missing = words.find((word, index) => word.startsWith('<') && given[index] === undefined)
  if (missing !== undefined) throw new UsageError(`${missing} is missing; try: codesdkd ${name} --help`)
  const open = ['<prompt>', '[reason]'].includes(words.at(-1) ?? '')
  const surplus = given[words.length]
  if (!open && surplus !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(surplus)}; try: codesdkd ${name} --help`)
}

/** The first asks for the end, and leaves the time for it; whoever asks again does not want to wait. */
function takeInterrupts(enough: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (enough.signal.aborted) process.exit(130)
      enough.abort()
    })
}

/** As a daemon would find it: flag, environment, config file. */
function toDataDir(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const invocation = readInvocation(['serve', ...(given === undefined ? [] : ['--data-dir', given])], env)
  if (invocation.command !== 'serve') throw new UsageError('this is no data directory')
  return invocation.config.dataDir
}

function toShell([shell = '']: readonly string[]) {
  const known = shells.find((one) => one === shell)
  if (known === undefined) throw new UsageError(`the shell must be one of ${shells.join(', ')}`)
  return known
}

function toMessage(error: unknown): string {
  if (error instanceof ApiError) return `${error.message} (${error.code})`
  if (error instanceof DaemonStartError) return error.message.replace(/^The daemon did not start: codesdkd: /, '')
  return error instanceof Error ? error.message : String(error)
}

function toExitCode(error: unknown): number {
  if (error instanceof UsageError) return 2
  if (error instanceof StartFailure) return error.exitCode
  if (error instanceof DaemonStartError) return error.exitCode ?? 70
  if (error instanceof ConnectionError) return 69
  return error instanceof ApiError ? 1 : 70
}
