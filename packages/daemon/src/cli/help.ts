import { commonFlags, type Command, type Flag } from './command.ts'
import { commands, otherCommands } from './commands.ts'

/** `codesdkd --help`. */
export function toHelp(): string {
  const rows = [
    ...Object.entries(commands).map(([name, { words, summary }]) => [[name, ...words].join(' '), summary]),
    ...Object.entries(otherCommands),
  ]
  return `usage: codesdkd <command> [options]

One local daemon for coding agents, and what talks to it. Try it without a login: codesdkd run "fix the failing test" --offline

${rows.map(([name = '', summary = '']) => `  ${name.padEnd(24)} ${summary}`).join('\n')}

  codesdkd <command> --help    more about one of them
  codesdkd --version           print the version

Commands find the daemon that serves the data directory, and start one for themselves where none runs. Without a command: serve.
`
}

/** `codesdkd <command> --help`. */
export function toCommandHelp(name: string, { words, summary, detail, flags }: Command): string {
  const all = Object.entries<Flag>({ ...flags, ...commonFlags })
  const rows = all.map(([flag, { value, help, short }]) => {
    const left = `${short === undefined ? '' : `-${short}, `}--${flag}${value === null ? '' : ` ${value}`}`
    return `  ${left.padEnd(28)} ${help}`
  })
  const usage = ['usage: codesdkd', name, ...words, '[options]', ...(name === 'run' ? ['[-- options of serve]'] : [])].join(' ')
  return `${usage}\n\n${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}.\n${detail === undefined ? '' : `${detail}\n`}\n${rows.join('\n')}\n`
}
