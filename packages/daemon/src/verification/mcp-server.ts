import { createInterface } from 'node:readline'

/** The smallest MCP server there is: one tool that says what it was told. It speaks over stdio and is started by the agent. */

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly arguments?: { readonly text?: string }; readonly protocolVersion?: string }
}

function answer({ method, params = {} }: Message): object {
  switch (method) {
    case 'initialize': {
      const { protocolVersion = '2025-06-18' } = params
      return { result: { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'probe', version: '1.0.0' } } }
    }
    case 'tools/list': {
      const inputSchema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
      return { result: { tools: [{ name: 'echo', description: 'Says what it is told.', inputSchema }] } }
    }
    case 'tools/call':
      return { result: { content: [{ type: 'text', text: `echo: ${params.arguments?.text ?? ''}` }] } }
    case 'ping':
      return { result: {} }
    default:
      return { error: { code: -32601, message: 'There is no such method.' } }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const message: Message = JSON.parse(line)
  if (message.id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer(message) })}\n`)
}
