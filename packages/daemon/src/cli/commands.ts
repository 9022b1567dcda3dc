import { approve, deny, inbox } from './approval-commands.ts'
import type { Command } from './command.ts'
import { doctor, openapi } from './daemon-commands.ts'
import { run } from './run.ts'
import { bundle, follow, sessions, show, stop, tasks } from './session-commands.ts'

/** The commands that talk to a daemon, in the order of the help. */
export const commands: Readonly<Record<string, Command>> = {
  run,
  sessions,
  show,
  follow,
  tasks,
  inbox,
  approve,
  deny,
  stop,
  bundle,
  doctor,
  openapi,
}

/** Those that need none. */
export const otherCommands: Readonly<Record<string, string>> = {
  serve: 'run the daemon; "codesdkd serve --help" has its options',
  agents: 'install, log in, verify and examine agents: list, doctor, install, login, verify',
  keys: 'keys of providers that no agent ever holds: list, set, remove',
  replay: 'show what happened in a support bundle, read-only: "codesdkd serve --help" has its options',
  completion: 'print the completion of a shell: bash, zsh, fish',
}
