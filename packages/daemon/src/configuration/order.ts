import { toAgentsRequest, type AgentsRequest } from './agents-request.ts'
import { StartFailure } from '../core/start-failure.ts'
import { toKeysRequest, type KeysRequest } from './keys-request.ts'
import { toReplayRequest, type ReplayRequest } from './replay-request.ts'

/** What is to be done. */
export type Order =
  | { readonly command: 'serve' }
  | { readonly command: 'agents'; readonly request: AgentsRequest }
  | { readonly command: 'keys'; readonly request: KeysRequest }
  | { readonly command: 'replay'; readonly request: ReplayRequest }

/** Reads the words of the command line; `flags` are those that only some commands have, undefined where they were not given. Throws `StartFailure`. */
export function toOrder([command = 'serve', ...words]: readonly string[], flags: Readonly<Record<string, unknown>>): Order {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  const [flag] = Object.keys(given)
  switch (command) {
    case 'serve':
      if (flag !== undefined) fail(`Unknown option '--${flag}'`)
      if (words[0] !== undefined) fail(`unexpected argument ${JSON.stringify(words[0])}`)
      return { command }
    case 'agents':
      return { command, request: toAgentsRequest(words, given) }
    case 'keys':
      return { command, request: toKeysRequest(words, given) }
    case 'replay':
      return { command, request: toReplayRequest(words, given) }
    default:
      return fail(`unknown command ${JSON.stringify(command)}`)
  }
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', `${message}; try: codesdkd --help`)
}
