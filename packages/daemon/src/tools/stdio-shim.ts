/**
 * A program of its own: an MCP server over stdio that passes everything on to the session's endpoint over HTTP. For agents that take no
 * servers over HTTP; such an agent starts it, inside its sandbox. It needs nothing but Node, because nothing else of the daemon is there.
 */
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

const url = process.env['CODESDKD_TOOLS_URL'] ?? ''
const secret = process.env['CODESDKD_TOOLS_SECRET'] ?? ''

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly requestId?: string | number }
  readonly result?: { readonly protocolVersion?: string }
}

/** Requests without an answer. A call may take as long as a person does: there is no limit of time here. */
const open = new Map<string | number, ClientRequest>()
let version: string | null = null

createInterface({ input: process.stdin })
  .on('line', take)
  .on('close', () => process.exit(0))

function take(line: string): void {
  const message = parse(line)
  if (message === null) return
  const { id, method, params } = message
  // The endpoint keeps nothing between requests: to give one up is to hang up.
  if (method === 'notifications/cancelled') open.get(params?.requestId ?? '')?.destroy()
  else send(line, id)
}

function send(line: string, id: Message['id']): void {
  const headers = {
    authorization: `Bearer ${secret}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(line),
    ...(version === null ? {} : { 'mcp-protocol-version': version }),
  }
  const sent = request(url, { method: 'POST', headers }, (response) => void hear(response, id))
  if (id !== undefined) open.set(id, sent)
  sent.on('error', () => fail(id, 'The tools cannot be reached.'))
  sent.end(line)
}

async function hear(response: IncomingMessage, id: Message['id']): Promise<void> {
  const lines = createInterface({ input: response.setEncoding('utf8') })
  const stream = response.headers['content-type']?.startsWith('text/event-stream') === true
  let whole = ''
  try {
    for await (const line of lines) {
      if (!stream) whole += line
      else if (line.startsWith('data:')) put(line.slice(5).trim())
    }
  } catch {
    // It was given up, or the daemon has ended: what is missing is told below.
  }
  if (!stream) put(whole)
  fail(id, `The tools answered with ${response.statusCode ?? 'nothing'}.`)
}

/** Passes on what the endpoint says; what is no message is left out. */
function put(line: string): void {
  const message = parse(line)
  if (message === null) return
  version ??= message.result?.protocolVersion ?? null
  if (message.id !== undefined && message.method === undefined) open.delete(message.id)
  process.stdout.write(`${line}\n`)
}

/** A request that got no answer gets this one; the agent would wait for ever. */
function fail(id: Message['id'], message: string): void {
  if (id === undefined || !open.delete(id)) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_603, message } })}\n`)
}

function parse(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is passed on is for others to check; a wrong id is answered by nobody
    return typeof value === 'object' && value !== null && 'jsonrpc' in value ? (value as Message) : null
  } catch {
    return null
  }
}
