// An agent that speaks ACP and says what its prompt asks for: {"count": pieces, "bytes": of each, "pause": ms between them, "line": bytes of one line}.
import { once } from 'node:events'
import { createInterface } from 'node:readline'

async function write(text) {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

const send = (message) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const answers = {
  initialize: { protocolVersion: 1, agentCapabilities: {} },
  'session/new': { sessionId: 's' },
}
const turn = { cancelled: false }

async function play({ count = 1, bytes = 10, pause = 0, line = 0 }) {
  for (let left = line; left > 0; left -= 65_536) await write('x'.repeat(Math.min(left, 65_536)))
  if (line > 0) await write('\n')
  const update = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'x'.repeat(bytes) } }
  for (let index = 0; index < count && !turn.cancelled; index++) {
    await send({ method: 'session/update', params: { sessionId: 's', update } })
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

async function prompt(id, params) {
  turn.cancelled = false
  const text = params.prompt.map((block) => block.text ?? '').join('')
  await play(JSON.parse(text.slice(text.lastIndexOf('{'))))
  await send({ id, result: { stopReason: turn.cancelled ? 'cancelled' : 'end_turn' } })
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (method === 'session/cancel') turn.cancelled = true
  else if (method === 'session/prompt') void prompt(id, params)
  else if (id !== undefined) await send({ id, result: answers[method] ?? {} })
}
