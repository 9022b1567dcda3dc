// An agent that takes MCP servers over stdio alone. Its prompt names a tool and the input, as JSON: it calls the tool and says what came of it.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

let servers = []
const write = (stream, message) => stream.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const say = (text) => {
  const update = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } }
  write(process.stdout, { method: 'session/update', params: { sessionId: 's', update } })
}

function connect({ command, args, env }) {
  const child = spawn(command, args, {
    env: { ...process.env, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = new Map()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line)
    waiting.get(message.id)?.(message)
  })
  const ask = (id, method, params) =>
    new Promise((resolve) => {
      waiting.set(id, resolve)
      write(child.stdin, { id, method, params })
    })
  return { child, ask, tell: (method) => write(child.stdin, { method }) }
}

async function call({ name, input }) {
  const { child, ask, tell } = connect(servers[0])
  const clientInfo = { name: 'stdio-agent', version: '1' }
  const { result: about } = await ask(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
  tell('notifications/initialized')
  const { result: listed } = await ask('two', 'tools/list', {})
  const { result } = await ask(3, 'tools/call', { name, arguments: input })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.end()
  const code = await ended
  const tools = listed.tools.map((tool) => tool.name)
  return JSON.stringify({
    server: about.serverInfo.name,
    type: servers[0].type ?? 'stdio',
    secret: servers[0].args.join().includes(servers[0].env.at(-1).value),
    tools,
    text: result.content[0].text,
    code,
  })
}

const answers = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
  'session/new': ({ mcpServers }) => {
    servers = mcpServers
    return { sessionId: 's' }
  },
  async 'session/prompt'({ prompt }) {
    const text = prompt.map((block) => block.text).join('')
    say(text.startsWith('{') ? await call(JSON.parse(text)) : `${servers.length} servers`)
    return { stopReason: 'end_turn' }
  },
}

for await (const line of createInterface({ input: process.stdin })) void serve(JSON.parse(line))

async function serve({ id, method, params }) {
  const answer = answers[method]
  if (id === undefined) return
  if (answer === undefined) write(process.stdout, { id, error: { code: -32601, message: 'not known' } })
  else write(process.stdout, { id, result: await answer(params) })
}
