import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import * as z from 'zod'
import { parseAgentJson } from '../agent-json.ts'
import type { Wait } from '../../core/wait.ts'
import type { Line } from '../lines.ts'

/** What Claude Code sends by itself, in the order it was sent. */
export type Incoming =
  | { readonly kind: 'message'; readonly message: unknown }
  | { readonly kind: 'request'; readonly id: string; readonly request: unknown }
  /** It takes a request of its own back; an answer to it is no longer heard. */
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'invalid'; readonly reason: string; readonly line: string }

/** Claude Code answered a request with an error. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
}

/** No answer can come any more: its output has ended. */
export class ChannelClosed extends Error {
  override readonly name = 'ChannelClosed'
}

export interface ChannelOptions {
  readonly lines: AsyncIterable<readonly Line[]>
  readonly send: (line: string) => void
  /** Called one after the other; the next line is read when it has resolved. It must not await an answer of the agent, which would come on a later line. */
  readonly receive: (incoming: Incoming) => Wait
}

/** Speaks the stream-json protocol of Claude Code over its stdin and stdout. */
export interface Channel {
  send(message: object): void
  /** Rejects with ControlError, ChannelClosed, or the signal's reason; an answer that comes after that is ignored. */
  request(request: object, signal: AbortSignal): Promise<unknown>
  respond(id: string, response: object): void
  refuse(id: string, reason: string): void
  /** Resolves when the lines have ended and all of them are handled; rejects with what `receive` threw. */
  readonly done: Promise<void>
}

const envelope = z.discriminatedUnion('type', [
  z.object({ type: z.literal('control_request'), request_id: z.string(), request: z.unknown().optional() }),
  z.object({ type: z.literal('control_cancel_request'), request_id: z.string() }),
  z.object({
    type: z.literal('control_response'),
    response: z.discriminatedUnion('subtype', [
      z.object({ subtype: z.literal('success'), request_id: z.string(), response: z.unknown().optional() }),
      z.object({ subtype: z.literal('error'), request_id: z.string(), error: z.string().catch('no reason was given') }),
    ]),
  }),
])
const anyMessage = z.looseObject({ type: z.string() })
type Response = Extract<z.infer<typeof envelope>, { type: 'control_response' }>['response']

interface Pending {
  readonly resolve: (response: unknown) => void
  readonly reject: (error: Error) => void
}

export function createChannel({ lines, send, receive }: ChannelOptions): Channel {
  const pending = new Map<string, Pending>()
  let closed = false

  /** Whoever waits for the answer goes on before the next message is handled. */
  const settle = (response: Response): Promise<void> => {
    const waiting = pending.get(response.request_id)
    pending.delete(response.request_id)
    if (response.subtype === 'error') waiting?.reject(new ControlError(response.error))
    else waiting?.resolve(response.response)
    return setImmediate()
  }

  const read = async (): Promise<void> => {
    try {
      for await (const together of lines)
        for (const line of together) {
          const incoming = toIncoming(line)
          const wait = incoming.kind === 'response' ? settle(incoming.response) : receive(incoming)
          if (wait !== null) await wait
        }
    } finally {
      closed = true
      for (const { reject } of pending.values()) reject(new ChannelClosed('the agent has ended'))
      pending.clear()
    }
  }

  return {
    send: (message) => send(JSON.stringify(message)),
    async request(request, signal) {
      signal.throwIfAborted()
      if (closed) throw new ChannelClosed('the agent has ended')
      const request_id = randomUUID()
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const abort = (): void => reject(signal.reason)
      pending.set(request_id, { resolve, reject })
      signal.addEventListener('abort', abort, { once: true })
      send(JSON.stringify({ type: 'control_request', request_id, request }))
      try {
        return await promise
      } finally {
        signal.removeEventListener('abort', abort)
        pending.delete(request_id)
      }
    },
    respond: (request_id, response) =>
      send(JSON.stringify({ type: 'control_response', response: { subtype: 'success', request_id, response } })),
    refuse: (request_id, error) => send(JSON.stringify({ type: 'control_response', response: { subtype: 'error', request_id, error } })),
    done: read(),
  }
}

/** One line of Claude Code's output. Total. */
export function toIncoming({ text, truncated }: Line): Incoming | { readonly kind: 'response'; readonly response: Response } {
  const invalid = (reason: string): Incoming => ({ kind: 'invalid', reason, line: text.slice(0, 2000) })
  if (truncated) return invalid('the line is too long')
  let json: unknown
  try {
    json = parseAgentJson(text)
  } catch {
    return invalid('the line is not JSON')
  }
  const control = envelope.safeParse(json)
  if (!control.success) {
    const message = anyMessage.safeParse(json)
    return message.success && !message.data.type.startsWith('control_')
      ? { kind: 'message', message: message.data }
      : invalid('the line is not a message')
  }
  switch (control.data.type) {
    case 'control_request':
      return { kind: 'request', id: control.data.request_id, request: control.data.request }
    case 'control_cancel_request':
      return { kind: 'cancel', id: control.data.request_id }
    case 'control_response':
      return { kind: 'response', response: control.data.response }
    default:
      return control.data satisfies never
  }
}
