import { request, type IncomingMessage } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { until } from './until.ts'
import { toAuthority, toHost, type Target } from './host.ts'
import { dial } from './outside.ts'
import { Refusal } from './refusal.ts'

/** The proxy through which this machine reaches the outside. */
export interface ParentProxy {
  /** Value of `proxy-authorization`; null where the proxy wants none. */
  readonly authorization: string | null
  /** A connection to the proxy itself. Rejects with `Refusal`, or with the reason of the signal. */
  connect(signal: AbortSignal): Promise<Socket>
  /** A connection to the target through it. Rejects like `connect`. */
  tunnel(target: Target, signal: AbortSignal): Promise<Socket>
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Which proxy this machine's environment names for a target, or null: HTTPS_PROXY for tunnels, HTTP_PROXY for plain requests,
 * ALL_PROXY for both, and NO_PROXY; lower case goes before upper case, as in curl.
 *
 * Such a proxy is given the name and looks it up itself, since most of them judge by names. What was found out here before, where
 * it could be found out at all, need not be what it finds: what is inside for the proxy is for the proxy to refuse.
 */
export function toParentProxy(environment: Environment, kind: 'http' | 'https', target: Target): ParentProxy | null {
  const variable = (name: string) => environment[name] || environment[name.toUpperCase()]
  const text = variable(`${kind}_proxy`) || variable('all_proxy')
  return text === undefined || text === '' || isExempt(variable('no_proxy') ?? '', target) ? null : createParentProxy(text)
}

/** NO_PROXY: names that also mean what is below them (with or without a dot in front), addresses, each maybe with a port; or `*`. */
function isExempt(list: string, { host, port }: Target): boolean {
  return list.split(/[\s,]+/).some((entry) => {
    const parts = /^(?:\*?\.)?(.+?)(?::([0-9]+))?$/.exec(entry.toLowerCase())
    if (entry === '*') return true
    const name = toHost(parts?.[1] ?? '')
    if (name === null || (parts?.[2] !== undefined && Number(parts[2]) !== port)) return false
    return host === name || host.endsWith(`.${name}`)
  })
}

function createParentProxy(text: string): ParentProxy {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  const { username = '', password = '' } = url ?? {}
  const credentials = [username, password].map((part) => decode(part)).join(':')
  const authorization = username === '' ? null : `Basic ${Buffer.from(credentials).toString('base64')}`

  async function reach(signal: AbortSignal): Promise<Socket> {
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
      throw new Refusal(502, 'The proxy of this machine cannot be used', { reason: 'Only a proxy that speaks HTTP can be used.' })
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const options = { host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)), noDelay: true, keepAlive: true }
    // Its address is the machine's own affair, and is not told.
    const named = { host: 'The proxy of this machine', port: options.port }
    const socket =
      url.protocol === 'https:'
        ? dial(connectTls({ ...options, ...(isIP(host) === 0 ? { servername: host } : {}) }), 'secureConnect', named, signal)
        : dial(connect({ ...options, allowHalfOpen: true }), 'connect', named, signal)
    return socket.catch((error: unknown) => {
      throw error instanceof Refusal ? new Refusal(error.status, 'The proxy of this machine cannot be reached', { cause: error }) : error
    })
  }

  return {
    authorization,
    connect: reach,
    tunnel: async (target, signal) => openTunnel(await reach(signal), authorization, target, signal),
  }
}

const TUNNEL_TIME = 30_000

async function openTunnel(socket: Socket, authorization: string | null, target: Target, signal: AbortSignal): Promise<Socket> {
  const path = toAuthority(target)
  const headers = { host: path, ...(authorization === null ? {} : { 'proxy-authorization': authorization }) }
  const { promise: answered, resolve, reject } = Promise.withResolvers<readonly [IncomingMessage, Buffer]>()
  const asked = request({ method: 'CONNECT', path, headers, createConnection: () => socket })
  asked.once('connect', (answer, _socket, rest) => resolve([answer, rest]))
  asked.on('error', reject).end()
  // The request itself is silent where the connection ends without an answer.
  socket.once('close', () => reject(new Error('the proxy closed the connection')))
  const limit = AbortSignal.timeout(TUNNEL_TIME)
  try {
    const [{ statusCode }, rest] = await until(answered, AbortSignal.any([signal, limit]))
    if (statusCode !== 200) throw new Refusal(502, `The proxy of this machine refused ${path} with status ${statusCode}`)
    if (rest.length > 0) socket.unshift(rest)
    return socket
  } catch (error) {
    socket.destroy()
    if (signal.aborted || error instanceof Refusal) throw error
    throw new Refusal(limit.aborted ? 504 : 502, 'No answer from the proxy of this machine', { cause: error })
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
