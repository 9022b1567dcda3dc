// A hub: it starts the daemon, shows it under its own origin to whoever has logged in here, and starts it again when it has died.
//   node examples/control-hub/main.ts [options of the daemon, --offline say]
// It prints the address at which a person logs in. The daemon's token stays in this process: a page cannot lose what it never had.
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { startDaemon } from '@codesdkd/client/node'
import { build } from 'vite'

const key = randomBytes(32).toString('base64url')
const page = readFileSync(join(import.meta.dirname, 'index.html'))
const script = await bundle('page.js')
const policy =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"

const start = () => startDaemon({ args: ['--auth', 'token', '--base-path', '/agents', ...process.argv.slice(2)] })
let daemon = await start()

const server = createServer(answer)
await once(server.listen(0, '127.0.0.1'), 'listening')
const place = server.address()
const host = `127.0.0.1:${typeof place === 'object' ? place?.port : place}`

const closing = new AbortController()
process.once('SIGTERM', () => closing.abort())
process.once('SIGINT', () => closing.abort())
const closed = once(closing.signal, 'abort')
process.stdout.write(`http://${host}/login?key=${key}\n`)
for (;;) {
  await Promise.race([daemon.ended, closed])
  if (closing.signal.aborted) break
  // The pages follow it into its next life by themselves: their client knows where it was.
  daemon = await start()
}
await daemon.stop()
server.closeAllConnections()
server.close()

function answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', `http://${host}`)
  if (incoming.headers.host !== host || !isOwnPage(incoming)) return end(outgoing, 403)
  if (pathname === '/login' && isKey(searchParams.get('key') ?? ''))
    return end(outgoing, 303, { location: '/', 'set-cookie': `hub=${key}; HttpOnly; SameSite=Strict; Path=/` })
  if (!isKey(/(?:^|; )hub=([^;]*)/.exec(incoming.headers.cookie ?? '')?.[1] ?? '')) return end(outgoing, 401)
  if (pathname.startsWith('/agents/')) return passOn(incoming, outgoing)
  if (pathname === '/page.js') return end(outgoing, 200, { 'content-type': 'text/javascript' }, script)
  if (pathname === '/') return end(outgoing, 200, { 'content-type': 'text/html', 'content-security-policy': policy }, page)
  return end(outgoing, 404)
}

/** A cookie goes along with what other sites have a browser send, so it does not say who asks: these headers do, and no page can set them. */
function isOwnPage({ method, headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  const reads = method === 'GET' || method === 'HEAD'
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) return false
  return site === 'same-origin' || site === 'none' || (site === undefined && (reads || headers.origin !== undefined))
}

function isKey(given: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(key)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** Passes a request on with the daemon's own name and token, and its answer back as it comes: streams are never held up. */
function passOn(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { hostname, port, host: name } = new URL(daemon.url)
  const { cookie: _cookie, origin: _origin, referer: _referer, ...rest } = incoming.headers
  const headers = Object.fromEntries(Object.entries(rest).filter(([header]) => !header.startsWith('sec-')))
  const passed = request({
    hostname,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: { ...headers, host: name, authorization: `Bearer ${daemon.token}` },
  })
  passed.on('response', (given) => {
    outgoing.writeHead(given.statusCode ?? 502, given.headers)
    outgoing.flushHeaders()
    given.on('error', () => outgoing.destroy()).pipe(outgoing)
  })
  passed.on('error', () => (outgoing.headersSent ? outgoing.destroy() : end(outgoing, 502)))
  outgoing.on('close', () => passed.destroy())
  incoming.pipe(passed)
}

function end(outgoing: ServerResponse, status: number, headers: Record<string, string> = {}, body: string | Buffer = ''): void {
  outgoing.writeHead(status, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', ...headers }).end(body)
}

/** The script of the page and the client, as one file. */
async function bundle(entry: string): Promise<string> {
  const input = join(import.meta.dirname, entry)
  const options = { write: false, rolldownOptions: { input, output: { banner: 'globalThis.__zod_globalConfig = { jitless: true };' } } }
  const built = await build({ configFile: false, root: import.meta.dirname, logLevel: 'error', build: options })
  const [output] = [built].flat()
  if (output === undefined || !('output' in output)) throw new Error('nothing was built')
  return output.output[0].code
}
