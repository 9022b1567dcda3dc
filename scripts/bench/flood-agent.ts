import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { deltasPerMessage, fromPrompt, stampMark, type Flood } from './flood.ts'

/**
 * A stand-in for `codex app-server` that costs next to nothing: it answers the handshake, and in each turn writes the deltas that the
 * text of the task asks for, each with the time at which it was written.
 */

interface Request {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly threadId?: string; readonly input?: readonly { readonly text?: string }[] }
}

const threadId = `thread-${process.pid}`
/** Lines of one write when nothing slows the flood. */
const linesPerWrite = 256
let lastTurn = 0
/** What an interrupt sets, and the next turn takes back. */
const state = { interrupted: false }

if (process.argv.includes('--version')) {
  process.stdout.write('codex-cli 0.169.0\n')
  process.exit()
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request
  if (request.id !== undefined) await answer(request.id, request)
}

async function answer(id: number | string, { method, params }: Request): Promise<void> {
  switch (method) {
    case 'thread/start':
    case 'thread/resume':
      return await write(`${JSON.stringify({ id, result: { thread: { id: threadId, path: null } } })}\n`)
    case 'turn/start': {
      const turnId = `turn-${(lastTurn += 1)}`
      await write(`${JSON.stringify({ id, result: { turn: { id: turnId } } })}\n`)
      void runTurn(turnId, fromPrompt(params?.input?.map(({ text = '' }) => text).join('\n') ?? ''))
      return
    }
    case 'turn/interrupt':
      state.interrupted = true
      return await write(`${JSON.stringify({ id, result: {} })}\n`)
    default:
      return await write(`${JSON.stringify({ id, result: {} })}\n`)
  }
}

async function runTurn(turnId: string, flood: Flood | null): Promise<void> {
  state.interrupted = false
  await notify('turn/started', { threadId, turn: { id: turnId } })
  if (flood !== null) await (flood.rate === 0 ? pour(turnId, flood) : drip(turnId, flood))
  await notify('turn/completed', { threadId, turn: { id: turnId, status: state.interrupted ? 'interrupted' : 'completed' } })
}

/** As much as the reader takes. */
async function pour(turnId: string, flood: Flood): Promise<void> {
  const toLine = createLines(turnId, flood)
  for (let done = 0; done < flood.events && !state.interrupted;) {
    let lines = ''
    for (const end = Math.min(done + linesPerWrite, flood.events); done < end; done += 1) lines += toLine(done)
    await write(lines)
    // So that an interrupt is heard.
    await setImmediate()
  }
}

/** At an even pace; what a late timer has missed is made up for at once. */
async function drip(turnId: string, flood: Flood): Promise<void> {
  const toLine = createLines(turnId, flood)
  const begun = performance.now()
  for (let done = 0; done < flood.events && !state.interrupted; done += 1) {
    const due = begun + (done * 1000) / flood.rate
    for (let left = due - performance.now(); left > 0; left = due - performance.now()) await setTimeout(left)
    await write(toLine(done))
  }
}

function createLines(turnId: string, { events, bytes }: Flood): (index: number) => string {
  const filler = 'words and words '.repeat(Math.ceil(bytes / 16) + 1)
  let message = ''
  return (index) => {
    const itemId = `${turnId}-${Math.floor(index / deltasPerMessage)}`
    const stamp = `${stampMark}${process.hrtime.bigint()}${stampMark}`
    const delta = stamp + filler.slice(0, Math.max(0, bytes - stamp.length))
    message += delta
    const line = `{"method":"item/agentMessage/delta","params":{"threadId":"${threadId}","turnId":"${turnId}","itemId":"${itemId}","delta":"${delta}"}}\n`
    if ((index + 1) % deltasPerMessage !== 0 && index + 1 !== events) return line
    const text = message
    message = ''
    return `${line}{"method":"item/completed","params":{"threadId":"${threadId}","turnId":"${turnId}","item":{"type":"agentMessage","id":"${itemId}","text":"${text}"}}}\n`
  }
}

async function notify(method: string, params: object): Promise<void> {
  await write(`${JSON.stringify({ method, params })}\n`)
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
