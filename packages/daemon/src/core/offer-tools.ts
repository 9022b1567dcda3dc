import { Problem, type CreateTask } from '@codesdkd/protocol'
import type { Runtime } from './ports.ts'
import { checkOffered, toOffered, type CheckSchema, type Tool, type ToolRegistry } from './tools.ts'

export interface OfferOptions {
  /** Null for one that this daemon does not offer. */
  readonly runtime: Runtime | null
  readonly tools: ToolRegistry
  readonly checkSchema: CheckSchema
}

/** What a task offers its agent. Throws the problems of the contract. */
export async function offerTools(
  manifest: CreateTask['tool_manifest'],
  { runtime, tools, checkSchema }: OfferOptions,
): Promise<readonly Tool[]> {
  const supported = runtime?.capabilities.supports_host_tools === true
  if (!supported && manifest === undefined) return []
  const entries = Array.isArray(manifest) ? manifest : manifest?.tools
  // Whose tools are all the host's need not wait for a server.
  if (supported && (entries === undefined || entries.some((entry) => typeof entry === 'string'))) await tools.ready()
  const offered = toOffered(tools, manifest)
  if (!supported && offered.length > 0)
    throw new Problem(
      'tool_manifest_unsupported',
      `${runtime?.name ?? 'The runtime of the session'} cannot be offered tools: leave tool_manifest out or empty.`,
      { members: { field: 'tool_manifest' } },
    )
  await checkOffered(offered, checkSchema)
  return offered
}
