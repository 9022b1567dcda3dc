import { commonFlags, type Command } from './command.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A script that completes the names of commands and their flags. */
export function toCompletion(shell: Shell, commands: Readonly<Record<string, Command>>, others: readonly string[]): string {
  const names = [...Object.keys(commands), ...others]
  const flagsOf = (name: string) => Object.keys({ ...commands[name]?.flags, ...commonFlags }).map((flag) => `--${flag}`)
  switch (shell) {
    case 'bash':
      return `_codesdkd() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names.join(' ')}" -- "$word")); return; fi
  case "\${COMP_WORDS[1]}" in
${Object.keys(commands)
  .map((name) => `    ${name}) COMPREPLY=($(compgen -W "${flagsOf(name).join(' ')}" -- "$word")) ;;`)
  .join('\n')}
  esac
}
complete -o default -F _codesdkd codesdkd
`
    case 'zsh':
      return `#compdef codesdkd
autoload -U +X bashcompinit && bashcompinit
${toCompletion('bash', commands, others)}`
    case 'fish':
      return [
        ...names.map((name) => {
          const summary = commands[name]?.summary ?? ''
          return `complete -c codesdkd -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", String.raw`\'`)}'`
        }),
        ...Object.keys(commands).flatMap((name) =>
          flagsOf(name).map((flag) => `complete -c codesdkd -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
        ),
        '',
      ].join('\n')
    default:
      return shell satisfies never
  }
}
