import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentEnv, Runtime, RuntimeEnv, RuntimeSession, SessionSpec } from '../core/ports.ts'
import type { Trial } from './trials.ts'

/** Milliseconds that an agent may take to come up. */
const OPEN_LIMIT = 35_000

export interface ExamineeOptions {
  readonly runtime: Runtime
  readonly env: RuntimeEnv
  readonly workspace: string
  /** Puts around the agent what sessions put around it; made anew for each start. */
  readonly enclose: (env: RuntimeEnv) => Promise<AgentEnv>
}

/** The agent that is examined: opened when a trial needs it, closed when the next one needs another. */
export class Examinee implements AsyncDisposable {
  readonly #options: ExamineeOptions
  #live: { readonly conversation: Trial['conversation']; readonly session: RuntimeSession; readonly enclosure: AsyncDisposable } | null =
    null
  #nativeId: string | null = null

  constructor(options: ExamineeOptions) {
    this.#options = options
  }

  /** The live agent of the trial's conversation. Rejects with `RuntimeFailure` or `Problem` when it does not come up. */
  async session({ conversation }: Trial, signal: AbortSignal): Promise<RuntimeSession> {
    if (this.#live?.conversation === conversation && this.#live.session.alive) return this.#live.session
    await this.close()
    const { runtime, env, workspace, enclose } = this.#options
    const spec: SessionSpec = {
      // A conversation is taken up again by the session that began it: some runtimes keep what belongs to one together.
      sessionId: conversation === 'equipped' ? 'verification-equipped' : 'verification',
      cwd: workspace,
      model: null,
      permissionMode: 'ask',
      runtimeConfig: conversation === 'equipped' ? { mcp_servers: { probe: server } } : {},
      resume: conversation === 'resumed' ? this.#nativeId : null,
      isolationLevel: 'ephemeral',
      trustWorkspace: false,
      tools: [],
    }
    await using stack = new AsyncDisposableStack()
    const enclosed = await enclose(env)
    stack.use(enclosed.enclosure)
    const session = await runtime.open(spec, enclosed, AbortSignal.any([signal, AbortSignal.timeout(OPEN_LIMIT)]))
    this.#live = { conversation, session, enclosure: stack.move() }
    return session
  }

  /** Ends the agent, if there is one; its conversation is remembered. Never rejects. */
  async close(): Promise<void> {
    const live = this.#live
    this.#live = null
    this.#nativeId = live?.session.nativeId ?? this.#nativeId
    for (const part of [live?.session, live?.enclosure]) {
      try {
        await part?.[Symbol.asyncDispose]()
      } catch {
        // An agent that fails while it ends has ended all the same.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const serverFile = fileURLToPath(new URL('mcp-server.ts', import.meta.url))
const server = { command: process.execPath, args: [serverFile] }

/** What the trials' own MCP server reads. */
export const readableRoots: readonly string[] = [dirname(serverFile)]
