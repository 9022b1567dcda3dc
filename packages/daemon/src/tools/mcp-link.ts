import { Client, StreamableHTTPClientTransport, type CallToolResult, type Transport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { ToolOutcome, ToolRun } from '../core/tools.ts'
import { elicit } from './elicit.ts'
import { createFetch } from './fetch-through.ts'
import type { McpServerEntry } from './tool-entry.ts'
import { toToolEnvironment, type ToolWorld } from './tool-world.ts'

const CONNECT_TIME = 10_000
const TOOL_LIMIT = 128

export interface McpTool {
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly outputSchema?: Readonly<Record<string, unknown>> | undefined
  readonly annotations?: { readonly readOnlyHint?: boolean | undefined } | undefined
}

export interface McpLinkOptions {
  readonly version: string
  readonly world: ToolWorld
  /** The connection is gone. */
  readonly onClose: () => void
  /** The server has other tools now. */
  readonly onChange: () => void
}

type McpCall = Pick<ToolRun, 'input' | 'signal' | 'ask'>

/** A connection to an MCP server. Disposing it ends the server's process and all that it left behind. */
export interface McpLink extends AsyncDisposable {
  list(): Promise<readonly McpTool[]>
  call(name: string, run: McpCall, timeoutMs: number): Promise<ToolOutcome>
}

/** Rejects when the server does not answer within 10 s. What it asks during a call is asked in the task of that call. */
export async function openMcpLink(entry: McpServerEntry, { version, world, onClose, onChange }: McpLinkOptions): Promise<McpLink> {
  const mark = world.newId()
  const transport = toTransport(entry, world, mark)
  const client = new Client(
    { name: 'codesdkd', version },
    {
      capabilities: { elicitation: { form: {} } },
      // Schemas of strangers are checked elsewhere, and not by this thread.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK wants its own word for unknown
      jsonSchemaValidator: { getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }) },
    },
  )
  const running = new Set<McpCall>()
  client.setRequestHandler('elicitation/create', ({ params }) => elicit(running, params))
  client.setNotificationHandler('notifications/tools/list_changed', onChange)
  let pid: number | null = null
  const close = async () => {
    await client.close().catch(() => {})
    await transport.close().catch(() => {})
    if (pid !== null || transport instanceof StdioClientTransport) await world.sweep(mark)
    if (pid !== null) world.ledger.ended(pid)
  }
  const late = AbortSignal.timeout(CONNECT_TIME)
  const tooLate = new Promise<never>((_, reject) =>
    late.addEventListener('abort', () => reject(new Error('it did not answer within 10 s')), { once: true }),
  )
  try {
    const connecting = client.connect(transport, { timeout: CONNECT_TIME })
    // Between the start of the process and its first answer the daemon may be killed.
    pid = transport instanceof StdioClientTransport ? transport.pid : null
    if (pid !== null) world.ledger.started({ pid, mark })
    await Promise.race([connecting, tooLate])
    if (pid === null && transport instanceof StdioClientTransport && transport.pid !== null) {
      pid = transport.pid
      world.ledger.started({ pid, mark })
    }
  } catch (error) {
    await close()
    throw error
  }
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has nothing else
  client.onclose = onClose
  return {
    async list() {
      const { tools } = await client.listTools(undefined, { timeout: CONNECT_TIME })
      return tools.slice(0, TOOL_LIMIT)
    },
    async call(name, run, timeout) {
      const { input, signal } = run
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by the tool's schema, which is that of an object
      const params = { name, arguments: input as Record<string, unknown> }
      running.add(run)
      try {
        return toOutcome(await client.callTool(params, { signal, timeout, maxTotalTimeout: timeout }))
      } finally {
        running.delete(run)
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

function toTransport(entry: McpServerEntry, world: ToolWorld, mark: string): Transport | StdioClientTransport {
  if ('url' in entry)
    return new StreamableHTTPClientTransport(new URL(entry.url), {
      fetch: createFetch(world.agent),
      requestInit: { headers: entry.headers },
    })
  const [command, ...args] = entry.command
  const env = toToolEnvironment(world, entry.env, mark)
  return new StdioClientTransport({ command, args, env, stderr: 'ignore', ...(entry.cwd === undefined ? {} : { cwd: entry.cwd }) })
}

function toOutcome({ content, structuredContent, isError }: CallToolResult): ToolOutcome {
  const text = content.map(toText).join('\n')
  const failed = isError === true
  return { result: structuredContent === undefined || failed ? text : structuredContent, isError: failed }
}

function toText(block: CallToolResult['content'][number]): string {
  switch (block.type) {
    case 'text':
      return block.text
    case 'image':
    case 'audio':
      return `[${block.type}: ${block.mimeType}, ${Math.floor((block.data.length * 3) / 4)} bytes]`
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[resource: ${block.resource.uri}]`
    case 'resource_link':
      return `[resource: ${block.uri}]`
    default:
      return block satisfies never
  }
}
