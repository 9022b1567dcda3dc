import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type RequestOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Passage, Route } from '../../core/enclosure.ts'
import { openGateway, type Gateway, type GatewayOptions, type ModelCall } from '../gateway.ts'

/** What must be seen by the endpoint alone. */
export const canary = 'sk-canary-0123456789abcdef'

export interface Endpoint extends AsyncDisposable {
  readonly url: string
  /** Requests in the order in which they came. */
  readonly seen: readonly IncomingMessage[]
  readonly connections: () => number
}

/** An endpoint outside. */
export async function openEndpoint(serve: RequestListener): Promise<Endpoint> {
  const seen: IncomingMessage[] = []
  let connections = 0
  const server = createServer((incoming, response) => {
    seen.push(incoming)
    serve(incoming, response)
  })
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface Stage extends AsyncDisposable {
  readonly gateway: Gateway
  readonly calls: readonly ModelCall[]
  /** Resolves when so many calls are completed. */
  completed(count: number): Promise<readonly Completed[]>
  open(route: Partial<Route> & Pick<Route, 'upstream'>): Passage
}

export type Completed = Extract<ModelCall, { phase: 'completed' }>

export async function openStage(options: Partial<GatewayOptions> = {}): Promise<Stage> {
  const calls: ModelCall[] = []
  let woken = Promise.withResolvers<void>()
  let ids = 0
  const onCall = (call: ModelCall) => {
    calls.push(call)
    woken.resolve()
    woken = Promise.withResolvers()
  }
  const gateway = await openGateway({ listen: 'loopback', environment: {}, newId: () => `call-${(ids += 1)}`, onCall, ...options })
  return {
    gateway,
    calls,
    async completed(count) {
      for (;;) {
        const done = calls.filter((call) => call.phase === 'completed')
        if (done.length >= count) return done
        await woken.promise
      }
    },
    open: (route) => gateway.open({ name: 'model', dialect: 'messages', credential: { kind: 'key', secret: canary }, ...route }),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Asking extends RequestOptions {
  readonly body?: string | Buffer
}

/** One request on a connection of its own. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const incoming = await begin(url, asking)
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await buffer(incoming) }
}

/** The same, as soon as the answer begins. */
export async function begin(url: string, { body, ...options }: Asking = {}): Promise<IncomingMessage> {
  const outgoing = request(url, { method: 'POST', agent: false, ...options })
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.on('response', resolve).on('error', reject).end(body)
  return promise
}

/** How an agent shows the placeholder. */
export function showing({ placeholder }: Passage): Readonly<Record<string, string>> {
  return { 'x-api-key': placeholder }
}
