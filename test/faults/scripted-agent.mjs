// An agent that speaks ACP and does what its prompt says: a list of steps as JSON. For what no real agent can be made to do.
// The steps are described in script.ts. It depends on nothing, so that a thousand of them can be started.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const options = [
  { optionId: 'y', name: 'Once', kind: 'allow_once' },
  { optionId: 'n', name: 'No', kind: 'reject_once' },
]
const waiting = new Map()
let nextId = 1
let cwd = '.'
const turn = { cancelled: false, end: Promise.withResolvers() }

async function put(raw, stream = process.stdout) {
  if (!stream.write(raw)) await once(stream, 'drain')
}

/** `shape` stands where the message says so: too deep or too wide for JSON.stringify, or lost in it. */
const send = (message, shape) => put(`${JSON.stringify({ jsonrpc: '2.0', ...message }).replace('"SHAPE"', () => toJson(shape))}\n`)
const update = (body) => send({ method: 'session/update', params: { sessionId: 's', update: body } })

async function request(method, params, shape) {
  const id = `q${nextId++}`
  const answer = Promise.withResolvers()
  waiting.set(id, answer)
  await send({ id, method, params }, shape)
  return answer.promise
}

/** Asks for leave; writes one file for each run of the tool, named after the call. */
async function callTool({ name = 'build', ms = 0, id = `${process.pid}-${nextId++}-${Date.now()}`, input }) {
  const rawInput = { command: `run ${id}`, ...(input === undefined ? {} : { more: 'SHAPE' }) }
  const toolCall = { toolCallId: id, title: name, kind: 'execute', status: 'pending', rawInput }
  await send({ method: 'session/update', params: { sessionId: 's', update: { sessionUpdate: 'tool_call', ...toolCall } } }, input)
  const { outcome } = await request('session/request_permission', { sessionId: 's', toolCall, options }, input)
  const allowed = outcome?.optionId === 'y'
  if (allowed) {
    writeFileSync(join(cwd, `ran-${id}-${nextId++}`), '')
    await delay(ms)
  }
  const content = [{ type: 'content', content: { type: 'text', text: allowed ? 'done' : 'not allowed' } }]
  await update({ sessionUpdate: 'tool_call_update', toolCallId: id, status: allowed ? 'completed' : 'failed', content })
}

async function say({ say: count, bytes = 10, pause = 0 }) {
  for (let index = 0; index < count && !turn.cancelled; index++) {
    await update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'x'.repeat(bytes) } })
    if (pause > 0) await Promise.race([delay(pause), turn.end.promise])
  }
}

async function fill(bytes, stream) {
  for (let left = bytes; left > 0; left -= 65_536) await put('x'.repeat(Math.min(left, 65_536)), stream)
}

function toJson({ deep, wide, proto }) {
  if (deep !== undefined) return `${'['.repeat(deep)}${']'.repeat(deep)}`
  if (proto) return '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
  return `{${Array.from({ length: wide }, (_, key) => `"${key.toString(36)}":0`).join(',')}}`
}

const forever = () => new Promise(() => setInterval(() => undefined, 60_000))

async function perform(step) {
  if ('say' in step) await say(step)
  else if ('text' in step) await update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: step.text } })
  else if ('update' in step) await update(step.update)
  else if ('tool' in step) await callTool(step.tool)
  else if ('tools' in step) await Promise.all(Array.from({ length: step.tools }, (_, index) => callTool({ id: `call-${index}` })))
  else if ('write' in step) await put(step.write)
  else if ('base64' in step) await put(Buffer.from(step.base64, 'base64'))
  else if ('shape' in step)
    await send({ method: 'session/update', params: { sessionId: 's', update: { sessionUpdate: 'odd', all: 'SHAPE' } } }, step.shape)
  else if ('line' in step) await fill(step.line).then(() => put('\n'))
  else if ('complain' in step) await put(step.complain, process.stderr)
  else if ('stderr' in step) await fill(step.stderr, process.stderr)
  else if ('request' in step) await request(step.request, { sessionId: 's', ...step.params }).catch(() => undefined)
  else if ('pause' in step) await delay(step.pause)
  else if ('wait' in step) await (step.wait === 'cancel' ? turn.end.promise : forever())
  else if ('deaf' in step) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined)
  else if ('leave' in step) spawn(step.leave[0], step.leave.slice(1), { detached: true, stdio: 'ignore' }).unref()
  else if ('hold' in step) spawn(step.hold[0], step.hold.slice(1), { stdio: ['ignore', 'inherit', 'ignore'] }).unref()
  else if ('close' in step) process.stdout.end()
  else if ('signal' in step) process.kill(process.pid, step.signal)
  else if ('exit' in step) process.exit(step.exit)
  else throw new Error(`a step that nobody knows: ${JSON.stringify(step)}`)
}

/** The list at the end of the prompt: an agent that has lost its conversation is told of earlier ones before it. */
function toSteps(prompt) {
  const text = prompt.map((block) => block.text ?? '').join('')
  for (let at = text.indexOf('[{'); at >= 0; at = text.indexOf('[{', at + 1)) {
    try {
      return JSON.parse(text.slice(at))
    } catch {
      // One of the earlier ones, or the inside of one.
    }
  }
  throw new Error(`no steps: ${text}`)
}

async function play(id, prompt) {
  turn.end = Promise.withResolvers()
  turn.cancelled = false
  for (const step of toSteps(prompt)) if (!turn.cancelled) await perform(step)
  await send({ id, result: { stopReason: turn.cancelled ? 'cancelled' : 'end_turn' } })
}

// Of Node's own reader, U+2028 ends a line too.
async function* linesOf(stream) {
  let rest = ''
  for await (const text of stream.setEncoding('utf8')) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

const atStart = process.argv[2]
if (atStart === 'hangs') await forever()
if (atStart === 'dies') process.exit(7)
for await (const line of linesOf(process.stdin)) {
  const { id, method, params, result, error } = JSON.parse(line)
  if (method === undefined) {
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(error.message))
    waiting.delete(id)
  } else if (method === 'session/cancel') {
    turn.cancelled = true
    turn.end.resolve()
  } else if (method === 'session/prompt') void play(id, params.prompt)
  else if (method === 'session/new') {
    cwd = params.cwd
    await send({ id, result: { sessionId: 's' } })
  } else if (id !== undefined) await send({ id, result: method === 'initialize' ? { protocolVersion: 1, agentCapabilities: {} } : {} })
}
if (process.listenerCount('SIGTERM') > 0) await forever()
process.exit(0)
