import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server, type CallToolResult } from '@modelcontextprotocol/server'
import type { RequestListener } from 'node:http'
import type { ToolAnswer, ToolHost } from '../core/task-host.ts'
import { TOOL_SERVER } from '../core/tools.ts'

export interface ToolEndpointOptions {
  readonly version: string
  /** The task that runs; null between tasks, when nothing can be called. */
  readonly task: () => ToolHost | null
  readonly report: (error: unknown) => void
}

/**
 * An MCP server over streamable HTTP with the tools of one session that its agent does not run itself. It keeps nothing between
 * requests. Who may ask is not its affair: it has to stand behind something that knows the session's agent.
 */
export function createToolEndpoint({ version, task, report }: ToolEndpointOptions): RequestListener {
  // Agents list tools when they like, also when no task runs.
  let last: ToolHost['definitions'] = []
  const handler = createMcpHandler(
    () => {
      const server = new Server({ name: TOOL_SERVER, version }, { capabilities: { tools: {} } })
      server.setRequestHandler('tools/list', () => ({ tools: (last = task()?.definitions ?? last).map(toMcpTool) }))
      server.setRequestHandler('tools/call', async ({ params }, context) => {
        const host = task()
        if (host === null) return toResult({ text: 'No task is running that this call could belong to.', isError: true })
        return toResult(await host.call(params.name, params.arguments ?? {}, context.mcpReq.signal))
      })
      return server
    },
    { onerror: report },
  )
  const handle = toNodeHandler(handler)
  // What a server receives has a method and a URL.
  return (request, response) => void handle(Object.assign(request, { method: request.method ?? 'GET', url: request.url ?? '/' }), response)
}

function toMcpTool({ name, title, description, input_schema, output_schema, permission }: ToolHost['definitions'][number]) {
  return {
    name,
    ...(title === undefined ? {} : { title }),
    description,
    inputSchema: { ...input_schema, type: 'object' as const },
    ...(output_schema === undefined ? {} : { outputSchema: { ...output_schema, type: 'object' as const } }),
    annotations: {
      readOnlyHint: permission === 'read-only',
      destructiveHint: permission === 'dangerous',
      openWorldHint: permission === 'network',
    },
  }
}

function toResult({ text, structured, isError }: ToolAnswer): CallToolResult {
  return { content: [{ type: 'text', text }], ...(structured === undefined ? {} : { structuredContent: structured }), isError }
}
