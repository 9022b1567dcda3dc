import type { ParseArgsOptionsConfig } from 'node:util'
import type { Client } from '@codesdkd/client/node'
import type { Screen } from './screen.ts'

/** A flag of a command, as the help shows it. */
export interface Flag {
  readonly value: string | null
  readonly help: string
  readonly short?: string
}

/** What a command is given: its words, its flags, a daemon, somewhere to write. */
export interface Call {
  readonly words: readonly string[]
  /** Undefined where it was not given. */
  readonly text: (flag: string) => string | undefined
  readonly json: boolean
  readonly client: Client
  readonly screen: Screen
  /** Aborts when the person has had enough. */
  readonly signal: AbortSignal
}

/** One command of the command line, told once: parsing, help and completion are read from it. */
export interface Command {
  /** What follows its name: `<session>`, `[session]`, `…`. */
  readonly words: readonly string[]
  readonly summary: string
  /** Shown below the usage, where there is more to say. */
  readonly detail?: string
  readonly flags: Readonly<Record<string, Flag>>
  /** Its exit code. */
  run(call: Call): Promise<number>
}

/** What every command takes. */
export const commonFlags = {
  'data-dir': { value: '<dir>', help: 'the data directory whose daemon is meant ($XDG_STATE_HOME/codesdkd)' },
  url: { value: '<url>', help: 'a daemon that is not found by its data directory' },
  'token-file': { value: '<file>', help: 'file with the bearer token, where one is asked for; or CODESDKD_TOKEN' },
  json: { value: null, help: 'JSON for scripts' },
  help: { value: null, help: 'print this', short: 'h' },
} as const satisfies Readonly<Record<string, Flag>>

export function toParseOptions(flags: Readonly<Record<string, Flag>>): ParseArgsOptionsConfig {
  return Object.fromEntries(
    Object.entries({ ...flags, ...commonFlags }).map(([name, { value, short }]: [string, Flag]) => [
      name,
      { type: value === null ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) },
    ]),
  )
}
