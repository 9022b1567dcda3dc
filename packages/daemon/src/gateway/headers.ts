import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Route } from '../core/enclosure.ts'

/** What means the connection and not the request, and is made anew on each side. */
const ofConnection: readonly string[] = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings']

/** What an agent must not say for itself: who it is, where the request came from, and that it means another method or path. */
const ofAgent: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'x-goog-api-key',
  'api-key',
  'cookie',
  'host',
  'expect',
  'accept-encoding',
  'forwarded',
  'via',
  'origin',
  'referer',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
])

/** What is between the daemon and the endpoint alone. */
const ofEndpoint: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2', 'alt-svc', 'strict-transport-security'])

/** The agent's headers as the endpoint gets them, with those that the gateway puts on. */
export function toRequestHeaders(headers: IncomingHttpHeaders, own: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const kept = Object.entries(strip(headers)).filter(([name]) => !ofAgent.has(name) && !/^(?:x-forwarded-|sec-)/.test(name))
  // What is not encoded can be read: for the tokens in it, and for what has to be masked.
  return { ...Object.fromEntries(kept), ...own, 'accept-encoding': 'identity' }
}

/** The endpoint's headers as the agent gets them. */
export function toResponseHeaders(headers: IncomingHttpHeaders, { dialect }: Route): OutgoingHttpHeaders {
  const kept = Object.entries(strip(headers)).filter(([name]) => !ofEndpoint.has(name))
  // It would send the agent to a login of its own.
  return Object.fromEntries(dialect === 'mcp' ? kept.filter(([name]) => name !== 'www-authenticate') : kept)
}

/** All that the gateway puts on so that the endpoint knows whose request it is; names in lower case. Throws `URIError`. */
export function toOwnHeaders({ credential, headers = {}, dialect }: Route, { username, password }: URL): Readonly<Record<string, string>> {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const own = {
    ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
    ...Object.fromEntries(named.filter(([name]) => !ofConnection.includes(name) && name !== 'host' && name !== 'content-length')),
  }
  if (credential === null) return own
  const { kind, secret } = credential
  if (kind === 'key' && dialect === 'messages') return { ...own, 'x-api-key': secret }
  if (kind === 'key' && dialect === 'generate_content') return { ...own, 'x-goog-api-key': secret }
  return { ...own, authorization: `Bearer ${secret}` }
}

function strip(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const gone = new Set([...ofConnection, ...named])
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !gone.has(name) && !name.startsWith('proxy-')))
}
