import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { securityHeaders } from '../../packages/daemon/src/http/reply.ts'
import { toCanary, toTreasures, type Treasure } from './loot.ts'
import type { Prize, Target } from './target.ts'

const approval = { attempt: 1, input_hash: `sha256:${'0'.repeat(64)}` }
const paths: Prize['paths'] = {
  json: '/json',
  stream: '/stream',
  approve: '/approve',
  session: '/session',
  missing: '/missing',
  missingFile: '/missing-file',
  script: '/script',
  style: '/style',
  page: '/page',
  data: '/data',
  image: '/image',
}

/** What a server of this kind must not have: everything allowed to everyone. */
function allowAll({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-allow-private-network': 'true',
    'timing-allow-origin': '*',
  }
}

/**
 * A server without a gate, against which every attack must succeed: what fails here is no attack. With `headers: 'ours'` it answers with
 * the headers of the daemon, which alone must keep pages from reading.
 */
export async function openOpenTarget(name: string, headers: 'permissive' | 'ours'): Promise<Target> {
  const canary = toCanary(name)
  const treasures = toTreasures(name)
  const heard = new Set<string>()
  const acted = new Set<string>()
  const sent = (incoming: IncomingMessage) => (headers === 'ours' ? securityHeaders : allowAll(incoming))
  const server = createServer((incoming, outgoing) => {
    void note(incoming, heard, acted).then(() => answer(incoming, outgoing, { headers: sent(incoming), canary, treasures }))
  })
  const upgraded = new Set<Duplex>()
  server.on('upgrade', (incoming, socket) => {
    upgraded.add(socket)
    heard.add(markOf(incoming))
    // A handshake and one short text frame are all that an attack needs to have got through.
    const accept = createHash('sha1')
      .update(`${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    const frame = Buffer.concat([Buffer.of(0x81, canary.length), Buffer.from(canary)])
    socket.on('error', () => {})
    if (headers === 'ours') socket.destroy()
    else {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      socket.write(frame)
    }
  })
  // All addresses of this machine, so that every spelling of it leads here.
  server.listen(0, '::')
  await once(server, 'listening')
  return {
    prize: {
      name,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      paths,
      approval,
      patienceMs: headers === 'ours' ? 200 : 5_000,
    },
    async arrival(mark, _refused, signal) {
      while (!heard.has(mark)) await setTimeout(10, undefined, { signal })
    },
    refusals: async () => 0,
    state: async () => [...acted].join('\n'),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      // Those that speak another protocol are no connections of the server any more.
      for (const socket of upgraded) socket.destroy()
      await once(server, 'close')
    },
  }
}

const markOf = ({ url, headers }: IncomingMessage) => new URL(url ?? '', `http://${headers.host ?? 'x'}`).searchParams.get('mark') ?? ''

async function note(incoming: IncomingMessage, heard: Set<string>, acted: Set<string>): Promise<void> {
  const body = await text(incoming).catch(() => '')
  heard.add(markOf(incoming))
  if (incoming.method === 'OPTIONS') return
  if (incoming.method === 'DELETE' || (incoming.method !== 'GET' && isApproval(body))) acted.add(markOf(incoming))
}

/** Reads as carelessly as any server that takes JSON whatever it claims to be. */
function isApproval(body: string): boolean {
  try {
    const value = JSON.parse(body) as Record<string, unknown>
    return value['attempt'] === approval.attempt && value['input_hash'] === approval.input_hash
  } catch {
    return false
  }
}

interface Giving {
  readonly headers: Readonly<Record<string, string>>
  readonly canary: string
  readonly treasures: Readonly<Record<string, Treasure>>
}

function answer(incoming: IncomingMessage, outgoing: ServerResponse, { headers, canary, treasures }: Giving): void {
  const path = new URL(incoming.url ?? '', 'http://x').pathname.slice(1)
  const treasure = Object.entries(treasures).find(([name]) => name === path)?.[1]
  if (path === 'stream') {
    outgoing.writeHead(200, { ...headers, 'content-type': 'text/event-stream' }).write(`data: ${canary}\n\n`)
    return
  }
  const missing = path.startsWith('missing')
  outgoing.writeHead(missing ? 404 : 200, { ...headers, 'content-type': treasure?.type ?? 'application/json' })
  outgoing.end(missing ? '{}' : (treasure?.bytes ?? JSON.stringify({ title: canary })))
}
