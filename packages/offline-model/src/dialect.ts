import type { IncomingHttpHeaders } from 'node:http'
import type { AgentName } from './agent-tools.ts'
import type { Conversation } from './conversation.ts'
import type { Reply } from './reply.ts'
import type { Fault } from './scenario.ts'

/** One piece of a streamed answer. */
export interface Frame {
  /** `delta` carries content: it is what `delay_ms` delays and `after_chunks` counts. `end` begins the end of a complete answer. */
  readonly kind: 'frame' | 'delta' | 'end'
  /** As sent. In parts if it may be too large to be built. */
  readonly wire: string | Iterable<string>
}

/** One model API. Pure: it reads a request into a conversation and writes a reply as a stream of server-sent events, or whole. */
export interface Dialect {
  readonly name: string
  /** Whose tools are called if the agent offers none that are known. */
  readonly mainAgent: AgentName
  accepts(method: string, path: string): boolean
  /** Throws RequestError if the request is not one of this dialect. */
  read(body: unknown, headers: IncomingHttpHeaders, path: string): Conversation
  render(reply: Reply): Iterable<Frame>
  /** The same reply as one JSON body, for agents that ask without a stream. Null if the API has no such answer. */
  renderWhole: ((reply: Reply) => unknown) | null
  /** The answer to a request that wants only a token count. Null if the API has no such request. */
  renderTokenCount: ((tokens: number) => unknown) | null
  /** How the API reports that it failed after it had answered 200. `started`: frames of the reply were already sent. */
  renderFailure(reply: Reply, fault: Extract<Fault, { kind: 'failed' }>, started: boolean): Iterable<Frame>
  /** The body of an error answer, where the scenario gives none. */
  errorBody(status: number, message: string): unknown
}

/** The request cannot be read: answered with 400 and this message. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
}
