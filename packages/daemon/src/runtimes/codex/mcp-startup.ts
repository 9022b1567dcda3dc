import { toNative } from './native.ts'
import type { Incoming } from '../json-rpc.ts'

/**
 * Follows how the MCP servers of a thread come up. Codex starts them beside the thread and lets a turn begin before they are
 * there: its model would then be told that their tools do not exist.
 */
export class McpStartup {
  /** Resolves when each of the servers is there or has failed; at once when there are none. */
  readonly settled: Promise<void>
  readonly #starting: Set<string>
  readonly #settle: () => void

  constructor(names: readonly string[]) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.settled = promise
    this.#settle = resolve
    this.#starting = new Set(names)
    if (names.length === 0) resolve()
  }

  receive(message: Incoming): void {
    // Most of what comes are deltas, which are read once, by the mapper.
    if (this.#starting.size === 0 || message.kind !== 'notification') return
    const native = toNative(message.method, message.params)
    if (native?.method !== 'mcpServer/startupStatus/updated' || native.params.status === 'starting') return
    this.#starting.delete(native.params.name)
    if (this.#starting.size === 0) this.#settle()
  }
}
