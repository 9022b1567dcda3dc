import type { ToolPermission } from '@codesdkd/protocol'
import type { Clock } from '../core/ports.ts'
import type { CheckSchema, Tool } from '../core/tools.ts'
import type { McpLink, McpTool } from './mcp-link.ts'
import type { McpServerEntry } from './tool-entry.ts'

/** Milliseconds that a server is left alone after its first failure, and at most. */
const FIRST_REST = 1000
const LONGEST_REST = 60_000

export interface McpServerOptions {
  readonly entry: McpServerEntry
  readonly open: (on: { onClose: () => void; onChange: () => void }) => Promise<McpLink>
  readonly check: CheckSchema
  readonly clock: Clock
  /** Hears of each failure, and of tools that cannot be offered. */
  readonly report: (server: string, error: unknown) => void
}

/** An MCP server of the daemon: reached at first use, kept, and tried again after a failure, more and more seldom. */
export class McpServer implements AsyncDisposable {
  readonly name: string
  /** The last attempt failed, or the connection broke. */
  failing = false
  readonly #options: McpServerOptions
  #link: McpLink | null = null
  #opening: Promise<void> | null = null
  #stale = true
  #tools: readonly Tool[] = []
  #failures = 0
  #notBefore = 0
  #ended = false
  #closing: Promise<void> = Promise.resolve()

  constructor(options: McpServerOptions) {
    this.#options = options
    this.name = options.entry.name
  }

  /** As they were listed last, names as the server has them; none while it cannot be reached. */
  get tools(): readonly Tool[] {
    return this.#tools
  }

  /** Connects and lists, if that is due. Never rejects. */
  async ready(): Promise<void> {
    if (this.#ended || (this.#link !== null && !this.#stale)) return
    if (this.#opening === null && this.#options.clock.monotonic() < this.#notBefore) return
    await (this.#opening ??= this.#refresh().finally(() => (this.#opening = null)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    await this.#opening
    await this.#drop()
    await this.#closing
  }

  async #refresh(): Promise<void> {
    const { open } = this.#options
    let link: McpLink | null = null
    // What is lost meanwhile is told and dropped already.
    const isLost = () => link !== null && this.#link !== link
    try {
      link = this.#link ??= await open({ onClose: () => this.#lost(), onChange: () => (this.#stale = true) })
      this.#stale = false
      const tools = await this.#toTools(await link.list())
      if (isLost()) return
      this.#tools = tools
      this.failing = false
      this.#failures = 0
    } catch (error) {
      if (isLost()) return
      this.#failed(error)
      await this.#drop()
    }
  }

  #lost(): void {
    if (this.#ended || this.#link === null) return
    this.#failed(new Error('the connection was closed'))
    this.#closing = this.#drop()
  }

  #failed(error: unknown): void {
    const { clock, report } = this.#options
    this.failing = true
    this.#failures += 1
    this.#notBefore = clock.monotonic() + Math.min(LONGEST_REST, FIRST_REST * 2 ** (this.#failures - 1))
    report(this.name, error)
  }

  async #drop(): Promise<void> {
    const link = this.#link
    this.#link = null
    this.#tools = []
    this.#stale = true
    await link?.[Symbol.asyncDispose]()
  }

  async #toTools(listed: readonly McpTool[]): Promise<readonly Tool[]> {
    const usable: Tool[] = []
    for (const tool of listed) {
      try {
        await this.#options.check(tool.inputSchema, {})
        if (tool.outputSchema !== undefined) await this.#options.check(tool.outputSchema, {})
        usable.push(this.#toTool(tool))
      } catch (error) {
        this.#options.report(this.name, new Error(`its tool ${tool.name} cannot be offered`, { cause: error }))
      }
    }
    return usable
  }

  #toTool({ name, title, description, inputSchema, outputSchema, annotations }: McpTool): Tool {
    const { permission, timeout_ms } = this.#options.entry
    const hinted: ToolPermission = annotations?.readOnlyHint === true ? 'read-only' : 'dangerous'
    return {
      name,
      ...(title === undefined ? {} : { title: title.slice(0, 200) }),
      description: (description || title || name).slice(0, 8192),
      input_schema: inputSchema,
      ...(outputSchema === undefined ? {} : { output_schema: outputSchema }),
      permission: permission ?? hinted,
      timeout_ms,
      run: async (call) => {
        // A task may hold on to a tool longer than the connection lasts.
        await this.ready()
        if (this.#link === null) return { result: `The MCP server ${this.name} cannot be reached at the moment.`, isError: true }
        return await this.#link.call(name, call, timeout_ms)
      },
    }
  }
}
