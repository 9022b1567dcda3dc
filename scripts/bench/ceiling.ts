import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createRawServer, type AddressInfo } from 'node:net'
import { CeilingLog } from './ceiling-log.ts'
import { toEventMakers, toParsedEventMakers } from './ceiling-events.ts'

/**
 * The most that a server on node:http can do with what the agent writes: nothing is stored, checked, parsed or folded; a line becomes a
 * frame of the daemon's size by cutting it out, and all followers share it. With `parsing` it also does what no server of
 * events can leave out: it parses each line, and serialises each event. `node ceiling.ts <agent> [parsing]`; one ready line.
 */

interface Session {
  readonly id: string
  readonly log: CeilingLog
  readonly agent: ChildProcessWithoutNullStreams
  tasks: number
  resource: string
}

const [executable = '', parsing] = process.argv.slice(2)
const toMakers = parsing === 'parsing' ? toParsedEventMakers : toEventMakers
const sessions = new Map<string, Session>()

function openSession(): Session {
  const id = crypto.randomUUID()
  const agent = spawn(executable, ['app-server'], { stdio: ['pipe', 'pipe', 'inherit'] }) as unknown as ChildProcessWithoutNullStreams
  const session: Session = { id, log: new CeilingLog(), agent, tasks: 0, resource: '' }
  sessions.set(id, session)
  session.resource = toResource(session)
  let rest = ''
  agent.stdout.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end)
    const makers = toMakers(text.slice(0, end), { sessionId: id, taskId: taskId(session) })
    if (makers.length > 0) session.log.add(makers)
  })
  tell(session, 'initialize', {})
  tell(session, 'thread/start', {})
  session.log.add([(seq) => JSON.stringify({ schema_version: 1, seq, type: 'session.created' })])
  return session
}

const taskId = ({ id, tasks }: Session) => `${id}-${tasks}`

/** About what a session looks like, made anew only when it changes. */
function toResource(session: Session): string {
  const of = { session_id: session.id, task_id: taskId(session), runtime: 'codex-sdk', status: 'idle', title: null, model: null }
  return JSON.stringify({ ...of, tasks: session.tasks, metadata: {}, filler: 'x'.repeat(600) })
}

function tell({ agent }: Session, method: string, params: object): void {
  agent.stdin.write(`${JSON.stringify({ id: method, method, params })}\n`)
}

const caughtUp = Buffer.from('event: caught_up\ndata: {}\n\n')

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://ceiling')
  const [, , id = '', part] = pathname.split('/')
  if (request.method === 'POST' && id === '') return json(response, 201, openSession().resource)
  const session = sessions.get(id)
  if (session === undefined) return json(response, 404, '{}')
  if (request.method === 'POST') {
    const { messages } = JSON.parse(body) as { readonly messages: readonly { readonly content: string }[] }
    session.tasks += 1
    session.resource = toResource(session)
    tell(session, 'turn/start', { input: messages.map(({ content }) => ({ type: 'text', text: content })) })
    return json(response, 202, JSON.stringify({ session_id: id, task_id: taskId(session) }))
  }
  if (part === undefined) return json(response, 200, session.resource)
  if (request.headers.accept !== 'text/event-stream')
    return json(response, 200, session.log.page(Number(searchParams.get('after_seq') ?? 0), Number(searchParams.get('limit') ?? 500)))
  // The end of the connection is the end of the stream: nothing has to be put around its pieces.
  response.useChunkedEncodingByDefault = false
  response.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' })
  response.write('retry: 1000\nevent: ready\ndata: {}\n\n')
  session.log.follow(response, { fromStart: Number(searchParams.get('after_seq') ?? 0) === 0, caughtUp })
}

function json(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk
  })
  request.on('end', () => answer(request, response, body))
})

/** The same frames without HTTP: what the ceiling itself is held against. Whoever connects names a session by its first line. */
const raw = createRawServer((socket) => {
  socket.on('error', () => {})
  socket.once('data', (line) => {
    const session = sessions.get(line.toString().trim())
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    session?.log.follow(socket, { fromStart: true, caughtUp })
  })
})

raw.listen(0, '127.0.0.1', () => {
  server.listen(0, '127.0.0.1', 4096, () => {
    const portOf = (one: typeof server | typeof raw) => (one.address() as AddressInfo).port
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${portOf(server)}`, raw: portOf(raw) })}\n`)
  })
})

process.on('SIGTERM', () => {
  for (const { agent } of sessions.values()) agent.kill('SIGKILL')
  process.exit()
})
