import { Agent, request } from 'node:http'
import { json as toJson } from 'node:stream/consumers'

/** A client that has one connection and keeps it: it goes on where new ones are refused. */
export interface HeldConnection extends Disposable {
  ask(method: string, path: string, body?: unknown): Promise<{ readonly status: number | undefined; readonly body: unknown }>
}

/** Resolves when the connection stands and an answer has come over it. */
export async function holdConnection(url: string): Promise<HeldConnection> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask: HeldConnection['ask'] = async (method, path, body) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: unknown }>()
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const asking = request(url + path, { method, agent, headers }, (answer) => {
      toJson(answer).then((json) => resolve({ status: answer.statusCode, body: json }), reject)
    })
    asking.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
    return promise
  }
  await ask('GET', '/readyz')
  return { ask, [Symbol.dispose]: () => agent.destroy() }
}
