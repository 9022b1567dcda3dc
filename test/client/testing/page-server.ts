import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')
const imports = {
  '@codesdkd/client': '/modules/packages/client/src/index.ts',
  '@codesdkd/protocol': '/modules/packages/protocol/src/index.ts',
  'eventsource-parser': '/modules/node_modules/eventsource-parser/dist/index.js',
  zod: '/modules/node_modules/zod/index.js',
}
const page = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`

export interface PageServer extends AsyncDisposable {
  readonly origin: string
  readonly host: string
  /** The daemon behind it, from now on. */
  aim(url: string): void
}

/** A host of a page: the page, the modules of the client as they are in the tree, and the daemon under `/codesdkd`, all of one origin. */
export async function createPageServer(): Promise<PageServer> {
  let daemonPort = 0
  const server = createServer((incoming, outgoing) => {
    const { url = '/' } = incoming
    if (url.startsWith('/codesdkd/')) return passOn(incoming, outgoing, daemonPort)
    if (!url.startsWith('/modules/')) return void outgoing.writeHead(200, { 'content-type': 'text/html' }).end(page)
    return void readModule(url.slice('/modules/'.length)).then(
      (source) => outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(source),
      () => outgoing.writeHead(404).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin: `http://${host}`,
    host,
    aim(url) {
      daemonPort = Number(new URL(url).port)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function readModule(path: string): Promise<string> {
  const source = await readFile(join(root, path), 'utf8')
  return path.endsWith('.ts') ? stripTypeScriptTypes(source) : source
}

function passOn(incoming: IncomingMessage, outgoing: ServerResponse, port: number): void {
  const { method, headers, url: path } = incoming
  const passed = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing).on('error', () => undefined)
    answer.on('error', () => outgoing.destroy())
  })
  passed.on('error', () => outgoing.destroy())
  outgoing.on('close', () => passed.destroy())
  incoming.pipe(passed)
}
