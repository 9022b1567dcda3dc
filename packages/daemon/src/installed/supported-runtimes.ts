import type { Config } from '../configuration/config.ts'
import { StartFailure } from '../core/start-failure.ts'
import { toSupportedRuntime } from '../runtimes/acp/configured.ts'
import { runtimes, type SupportedRuntime } from '../runtimes/index.ts'

type Selection = Pick<Config, 'runtimes' | 'defaultRuntime' | 'agents'>

/** Every runtime there is, by name: ours, and the agents that were configured. */
export function allRuntimes({ agents }: Pick<Config, 'agents'>): ReadonlyMap<string, SupportedRuntime> {
  return new Map<string, SupportedRuntime>([...runtimes, ...agents.map((agent) => [agent.name, toSupportedRuntime(agent)] as const)])
}

/** The runtimes that were asked for. Throws `StartFailure` for a name that is unknown, or a default that is not among them. */
export function selectRuntimes({ runtimes: wanted, defaultRuntime, agents }: Selection): ReadonlyMap<string, SupportedRuntime> {
  const all = allRuntimes({ agents })
  const selected = new Map((wanted ?? [...all.keys()]).map((name) => [name, toSupported(name, all)]))
  if (!selected.has(defaultRuntime))
    throw new StartFailure('invalid_config', `unknown default runtime ${JSON.stringify(defaultRuntime)}; there are: ${listed(selected)}`)
  return selected
}

/** One of these runtimes. Throws `StartFailure` for a name that is unknown. */
export function toSupported(name: string, supported: ReadonlyMap<string, SupportedRuntime>): SupportedRuntime {
  const runtime = supported.get(name)
  if (runtime !== undefined) return runtime
  throw new StartFailure('invalid_config', `unknown runtime ${JSON.stringify(name)}; there are: ${listed(supported)}`)
}

function listed(supported: ReadonlyMap<string, SupportedRuntime>): string {
  return [...supported.keys()].join(', ')
}
