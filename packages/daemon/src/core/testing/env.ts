import type { Enclosure } from '../enclosure.ts'
import type { AgentEnv, RuntimeEnv } from '../ports.ts'

/** Nothing stands around the agent, and it talks to its model itself. */
export const openEnclosure: Enclosure = {
  walled: false,
  open: ({ upstream, credential }) => ({ url: upstream.replace(/\/$/, ''), placeholder: credential?.secret ?? 'none' }),
  tools: () => ({ url: 'http://127.0.0.1:9/tools', placeholder: 'none', stdio: { command: 'none', args: [], env: {} } }),
  allow: () => {},
  enclose: (command) => ({ ...command, depth: 0 }),
  attend: () => {},
  [Symbol.asyncDispose]: () => Promise.resolve(),
}

/** An environment without an agent, a key or a login, in which a test sets what it is about. */
export function sampleEnv(more: Partial<RuntimeEnv> = {}): RuntimeEnv {
  const home = more.home ?? '/nonexistent/home'
  const variables = more.variables ?? {}
  return {
    executable: null,
    shared: false,
    credentials: {},
    boundKeys: [],
    offlineUrl: null,
    ...more,
    home,
    variables,
    login: more.login ?? { home, variables },
  }
}

export function sampleAgentEnv({ enclosure = openEnclosure, ...more }: Partial<AgentEnv> = {}): AgentEnv {
  return { ...sampleEnv(more), enclosure }
}
