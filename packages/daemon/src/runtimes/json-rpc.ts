import { setImmediate } from 'node:timers/promises'
import * as z from 'zod'
import { parseAgentJson } from './agent-json.ts'
import type { Wait } from '../core/wait.ts'
import type { Line } from './lines.ts'

export type RpcId = string | number

/** What the peer sends by itself, in the order it was sent. */
export type Incoming =
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: unknown }
  | { readonly kind: 'invalid'; readonly reason: string; readonly line: string }

/** The peer answered a request with an error. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  /** What the peer added; often the real reason. */
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** No answer can come any more: the peer's output has ended. */
export class RpcClosed extends Error {
  override readonly name = 'RpcClosed'
}

export interface RpcOptions {
  readonly lines: AsyncIterable<readonly Line[]>
  readonly send: (line: string) => void
  /** Called with what came together, at least one; the next lines are read when it has resolved. It must not await an answer of the peer, which would come on a later line. */
  readonly receive: (messages: readonly Incoming[]) => Wait
  /** Whether messages carry `"jsonrpc":"2.0"`; default false. It is never needed in what the peer sends. */
  readonly versioned?: boolean
}

export interface JsonRpc {
  /** Rejects with RpcError, RpcClosed, or the signal's reason; an answer that comes after that is ignored. */
  request(method: string, params: unknown, signal: AbortSignal): Promise<unknown>
  notify(method: string, params?: unknown): void
  respond(id: RpcId, result: unknown): void
  refuse(id: RpcId, code: number, message: string): void
  /** Refuses with an error in the peer's own form, for peers that hand it on as it is. */
  fail(id: RpcId, error: unknown): void
  /** Resolves when the lines have ended and all of them are handled; rejects with what `receive` threw. */
  readonly done: Promise<void>
}

const rpcId = z.union([z.string(), z.number()])
const request = z.object({ id: rpcId.optional(), method: z.string(), params: z.unknown().optional() })
const response = z.object({
  id: rpcId,
  method: z.undefined().optional(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number().catch(0), message: z.string().catch('no reason was given'), data: z.unknown().optional() }).nullish(),
})
type Response = z.infer<typeof response>

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** Speaks JSON-RPC over lines. */
export function createJsonRpc({ lines, send: sendLine, receive, versioned = false }: RpcOptions): JsonRpc {
  const pending = new Map<RpcId, Pending>()
  let lastId = 0
  let closed = false

  const send = (message: object): void => sendLine(JSON.stringify(versioned ? { jsonrpc: '2.0', ...message } : message))

  /** Whoever waits for the answer goes on before the next message is handled. */
  const settle = ({ id, result, error }: Response): Promise<void> => {
    const waiting = pending.get(id)
    pending.delete(id)
    if (error) waiting?.reject(new RpcError(error.code, error.message, error.data))
    else waiting?.resolve(result)
    return setImmediate()
  }

  const read = async (): Promise<void> => {
    try {
      for await (const together of lines) {
        let messages: Incoming[] = []
        for (const line of together) {
          const message = toMessage(line)
          if (message.kind !== 'response') messages.push(message)
          else {
            if (messages.length > 0) await receive(messages)
            messages = []
            await settle(message.response)
          }
        }
        if (messages.length > 0) await receive(messages)
      }
    } finally {
      closed = true
      for (const { reject } of pending.values()) reject(new RpcClosed('the agent has ended'))
      pending.clear()
    }
  }

  return {
    async request(method, params, signal) {
      signal.throwIfAborted()
      if (closed) throw new RpcClosed('the agent has ended')
      const own = (lastId += 1)
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const abort = (): void => reject(signal.reason)
      pending.set(own, { resolve, reject })
      signal.addEventListener('abort', abort, { once: true })
      send({ id: own, method, params })
      try {
        return await promise
      } finally {
        signal.removeEventListener('abort', abort)
        pending.delete(own)
      }
    },
    notify: (method, params) => send({ method, params }),
    respond: (to, result) => send({ id: to, result }),
    refuse: (to, code, message) => send({ id: to, error: { code, message } }),
    fail: (to, error) => send({ id: to, error }),
    done: read(),
  }
}

function toMessage({ text, truncated }: Line): Incoming | { readonly kind: 'response'; readonly response: Response } {
  const invalid = (reason: string): Incoming => ({ kind: 'invalid', reason, line: text.slice(0, 2000) })
  if (truncated) return invalid('the line is too long')
  let json: unknown
  try {
    json = parseAgentJson(text)
  } catch {
    return invalid('the line is not JSON')
  }
  const asked = request.safeParse(json)
  if (asked.success) {
    const { id, method, params } = asked.data
    return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params }
  }
  const answered = response.safeParse(json)
  return answered.success ? { kind: 'response', response: answered.data } : invalid('the line is not a JSON-RPC message')
}
