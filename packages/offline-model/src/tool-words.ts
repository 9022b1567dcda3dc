import { isAbsolute, resolve } from 'node:path'
import { agentTools } from './agent-tools.ts'
import type { AgentName, AgentTools } from './agent-tools.ts'
import type { NativeCall } from './native-call.ts'
import { toFileChange, toPatch } from './patch.ts'
import type { Tool, ToolOf } from './scenario.ts'

/** The part of a conversation that decides how a word is said. */
export interface Offer {
  /** The names of the tools that the agent offers. */
  readonly tools: readonly string[]
  /** What relative paths are relative to, if that is known. */
  readonly cwd: string | null
}

/** Says a shared word in the tools of the agent that made the offer, or of `mainAgent` if it offers nothing that is known. */
export function toNativeCall(tool: Tool, offer: Offer, mainAgent: AgentName): NativeCall {
  const agent = findAgent(offer.tools, mainAgent)
  switch (tool.tool) {
    case 'native':
      return { name: tool.name, namespace: tool.namespace, input: tool.input ?? tool.input_text ?? {} }
    case 'read':
      return agent.read({ ...tool, path: toPath(tool.path, agent, offer) })
    case 'edit':
    case 'write':
      return toChangeCall(tool, agent, offer)
    case 'patch': {
      const change = patches(agent, offer) ? null : toFileChange(tool.patch)
      return change === null ? agent.patch(tool.patch) : toChangeCall(change, agent, offer)
    }
    case 'shell':
      return agent.shell(tool)
    case 'plan':
      return agent.plan(tool)
    case 'question':
      return agent.question(tool)
    case 'mcp':
      return agent.mcp(tool)
    default:
      return tool satisfies never
  }
}

/** The agent that has the most of the offered tools. */
function findAgent(offered: readonly string[], mainAgent: AgentName): AgentTools {
  let [best, most] = [agentTools[mainAgent], 0]
  for (const agent of [best, ...Object.values(agentTools)]) {
    const shared = agent.names.filter((name) => offered.includes(name)).length
    if (shared > most) [best, most] = [agent, shared]
  }
  return best
}

function toChangeCall(tool: ToolOf<'edit'> | ToolOf<'write'>, agent: AgentTools, offer: Offer): NativeCall {
  const located = { ...tool, path: toPath(tool.path, agent, offer) }
  if (patches(agent, offer)) return agent.patch(toPatch(located))
  const call = located.tool === 'edit' ? agent.edit?.(located) : agent.write?.(located)
  return call ?? agent.patch(toPatch(located))
}

/** OpenCode, too, offers this tool to some models, and then no other that changes files. */
const patches = (agent: AgentTools, { tools }: Offer): boolean => agent.edit === null || tools.includes('apply_patch')

function toPath(path: string, agent: AgentTools, { cwd }: Offer): string {
  return !agent.absolutePaths || cwd === null || isAbsolute(path) ? path : resolve(cwd, path)
}
