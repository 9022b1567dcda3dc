import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const file = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url))
const scripts = ['run.js', 'attacks.js', 'service-worker.js']

/** What a page tells its server, by path. What is returned is the answer, as JSON. */
export type Answers = Readonly<Record<`/${string}`, (said: unknown) => unknown>>

/** The attacker's own server: gives out the pages, and hears what they have got. */
export interface HostileServer extends AsyncDisposable {
  readonly port: number
}

/** Pages by path. `to` is a URL that the attack has put together. */
const pages: Readonly<Record<string, (to: string) => { readonly body: string; readonly headers?: Readonly<Record<string, string>> }>> = {
  '/page': () => ({ body: '<body><script type="module" src="/run.js"></script>' }),
  '/sandbox': () => ({
    body: `<iframe id="frame" sandbox="allow-scripts allow-forms allow-popups allow-modals"></iframe><script>
      addEventListener('message', ({ source, data }) => {
        if (source === frame.contentWindow && data.next !== undefined) location.href = data.next
      })
      frame.src = '/page' + location.search
    </script>`,
  }),
  '/refresh': (to) => ({ body: `<meta http-equiv="refresh" content="0; url=${quoted(to)}">` }),
  '/base': (to) => ({ body: `<base href="${quoted(to)}"><img src="${quoted(new URL(to).pathname.slice(1) + new URL(to).search)}">` }),
  '/report': (to) => ({ body: '<script>1</script>', headers: { 'content-security-policy': `script-src 'none'; report-uri ${to}` } }),
}

const quoted = (url: string) => url.replaceAll('&', '&amp;').replaceAll('"', '&quot;')

export async function openHostileServer(answers: Answers): Promise<HostileServer> {
  const server = createServer((incoming, outgoing) => {
    respond(incoming, outgoing, answers).catch((error: unknown) => outgoing.writeHead(500).end(String(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function respond(incoming: IncomingMessage, outgoing: ServerResponse, answers: Answers): Promise<void> {
  const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://x')
  const to = searchParams.get('to') ?? ''
  const page = pages[pathname]?.(to)
  const heard = answers[pathname as `/${string}`]
  // A sandboxed page is no one's: without this it could not even load its own scripts.
  outgoing.setHeader('access-control-allow-origin', '*')
  outgoing.setHeader('cache-control', 'no-store')
  if (incoming.method === 'POST' && heard !== undefined) {
    const answer = await heard(JSON.parse(await text(incoming)))
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
  } else if (page !== undefined) {
    outgoing.writeHead(200, { ...page.headers, 'content-type': 'text/html; charset=utf-8' }).end(`<!doctype html>${page.body}`)
  } else if (pathname === '/redirect') outgoing.writeHead(302, { location: to }).end()
  else if (scripts.includes(pathname.slice(1))) {
    outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(file(pathname.slice(1)))
  } else outgoing.writeHead(404).end()
}
