import { Problem } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { runtimeAliases } from './runtime-names.ts'
import { parseAgentEntry, parseAgentOption, type AgentEntry } from '../runtimes/acp/agent-config.ts'

/** Names that a further agent cannot have: they mean something else already. */
const taken: ReadonlySet<string> = new Set(['all', ...runtimeAliases.keys(), ...runtimeAliases.values()])

/** Agents beside the ones we know: entries of the config file, and flags, which win where the names are the same. Throws `StartFailure`. */
export function toAgents(entries: unknown = [], flags: readonly string[] = []): readonly AgentEntry[] {
  if (!Array.isArray(entries)) return fail('config file key agents: must be an array')
  const ofFile = distinct(entries.map((entry: unknown) => understood('config file key agents', () => parseAgentEntry(entry))))
  const ofFlags = distinct(flags.map((text) => understood('flag agent', () => parseAgentOption(text))))
  return [...new Map([...ofFile, ...ofFlags].map((agent) => [agent.name, agent])).values()]
}

function distinct(agents: readonly AgentEntry[]): readonly AgentEntry[] {
  const seen = new Set(taken)
  for (const { name } of agents) {
    if (seen.has(name)) fail(`the name of the agent ${JSON.stringify(name)} is already taken`)
    seen.add(name)
  }
  return agents
}

function understood(source: string, parse: () => AgentEntry): AgentEntry {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return fail(`${source}: ${error.message.replaceAll(/\s*\n\s*/g, ' ')}`)
  }
}

function fail(message: string): never {
  throw new StartFailure('invalid_config', message)
}
