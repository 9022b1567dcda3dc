// A host that gives an agent a tool of its own: node examples/host-tool.ts <url of the daemon> '{"runtime":"codex"}' 'What is the weather in Jena?'
import { createClient } from '@codesdkd/client'

const [url = '', session = '{}', prompt = ''] = process.argv.slice(2)

const weather = {
  name: 'weather',
  description: 'Tells the weather of a town.',
  permission: 'read-only' as const,
  input_schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
  output_schema: { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] },
}
const run = ({ town }: { town: string }) => ({ degrees: town.length })

const client = createClient({ url })
const { session_id: sessionId } = await client.createSession(JSON.parse(session))
const inputs = new Map()
await client.runTask({
  sessionId,
  messages: prompt,
  tool_manifest: [weather],
  async onEvent({ type, payload }) {
    process.stdout.write(`${type} ${'executed_by' in payload ? payload.executed_by : ''}\n`)
    if (type === 'tool.call.requested') inputs.set(payload.tool_call_id, payload.input)
    if (type !== 'tool.call.started' || payload.executed_by !== 'host') return
    const { tool_call_id, attempt, input_hash } = payload
    await client.giveToolResult(sessionId, tool_call_id, { attempt, input_hash, result: run(inputs.get(tool_call_id)) })
  },
})
