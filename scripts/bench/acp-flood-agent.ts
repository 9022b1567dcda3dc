import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { fromPrompt, stampMark } from './flood.ts'

/** The stand-in once more, as an agent of the Agent Client Protocol, for servers that drive no other: each delta with the time at which it was written. */

interface Request {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly prompt?: readonly { readonly text?: string }[] }
}

const sessionId = `session-${process.pid}`
const linesPerWrite = 256

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as Request
  if (id !== undefined)
    await write(toLine({ id, result: await answer(method, params?.prompt?.map(({ text = '' }) => text).join('\n') ?? '') }))
}

async function answer(method: string, text: string): Promise<object> {
  switch (method) {
    case 'initialize':
      return { protocolVersion: 1, agentCapabilities: { loadSession: false }, authMethods: [] }
    case 'session/new':
      return { sessionId }
    case 'session/prompt':
      await pour(text)
      return { stopReason: 'end_turn' }
    default:
      return {}
  }
}

/** As much as the reader takes. */
async function pour(text: string): Promise<void> {
  const { events = 0, bytes = 0 } = fromPrompt(text) ?? {}
  const filler = 'words and words '.repeat(Math.ceil(bytes / 16) + 1)
  for (let done = 0; done < events;) {
    let lines = ''
    for (const end = Math.min(done + linesPerWrite, events); done < end; done += 1) {
      const stamp = `${stampMark}${process.hrtime.bigint()}${stampMark}`
      const content = { type: 'text', text: stamp + filler.slice(0, Math.max(0, bytes - stamp.length)) }
      lines += toLine({ method: 'session/update', params: { sessionId, update: { sessionUpdate: 'agent_message_chunk', content } } })
    }
    await write(lines)
    await setImmediate()
  }
}

function toLine(message: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
