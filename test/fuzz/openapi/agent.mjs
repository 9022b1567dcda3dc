// An agent that is quick, and does what a word in its prompt says: `ask`, `question`, `big`, `wait`, `crash`. Of any other prompt the length decides.
import { createInterface } from 'node:readline'

const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const waiting = new Map()
let lastId = 0
let cancel = () => {}

const request = (method, params) =>
  new Promise((resolve) => {
    lastId += 1
    waiting.set(`a${lastId}`, resolve)
    write({ id: `a${lastId}`, method, params: { sessionId: 's', ...params } })
  })
const update = (body) => write({ method: 'session/update', params: { sessionId: 's', update: body } })
const say = (text) => update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } })

async function call(text, output) {
  lastId += 1
  const toolCallId = `call-${lastId}`
  const about = { toolCallId, title: 'touch x', kind: 'execute', rawInput: { command: `touch ${text.slice(0, 20)}` } }
  update({ sessionUpdate: 'tool_call', status: 'pending', ...about })
  const options = [
    { optionId: 'y', name: 'Once', kind: 'allow_once' },
    { optionId: 'n', name: 'No', kind: 'reject_once' },
  ]
  const answer = await request('session/request_permission', { toolCall: about, options })
  const allowed = answer?.outcome?.optionId === 'y'
  const content = [{ type: 'content', content: { type: 'text', text: output } }]
  update({ sessionUpdate: 'tool_call_update', toolCallId, status: allowed ? 'completed' : 'failed', ...(allowed ? { content } : {}) })
}

const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }
const deeds = {
  ask: (text) => call(text, 'done'),
  big: (text) => call(text, 'a long line of output\n'.repeat(600)),
  question: () => request('elicitation/create', { mode: 'form', message: 'Who are you?', requestedSchema: schema }),
  wait: () =>
    new Promise((resolve) => {
      cancel = resolve
      setTimeout(resolve, 3_000)
    }),
  crash: () => process.exit(3),
  answer: (text) => say(`heard: ${text}`),
}
const order = ['answer', 'ask', 'answer', 'question', 'answer', 'big', 'wait', 'answer']

const answers = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
  'session/new': () => ({ sessionId: 's' }),
  async 'session/prompt'({ prompt }) {
    const text = prompt.map((block) => block.text ?? '').join('')
    const word = /^do (\w+)/.exec(text)?.[1]
    await (deeds[word] ?? deeds[order[text.length % order.length]])(text)
    return { stopReason: 'end_turn' }
  },
}

for await (const line of createInterface({ input: process.stdin })) void serve(JSON.parse(line))

async function serve({ id, method, params, result }) {
  if (method === undefined) waiting.get(id)?.(result)
  else if (method === 'session/cancel') cancel()
  else if (id === undefined) return
  else if (answers[method] === undefined) write({ id, error: { code: -32601, message: 'not known' } })
  else write({ id, result: await answers[method](params) })
}
