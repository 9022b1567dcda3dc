// A host that gives an agent a tool of its own: node examples/host-tool.ts <url of the daemon> '{"runtime":"codex"}' 'What is the weather in Jena?'
const [url = '', session = '{}', prompt = ''] = process.argv.slice(2)

const weather = {
  name: 'weather',
  description: 'Tells the weather of a town.',
  permission: 'read-only',
  input_schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
  output_schema: { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] },
}
const run = ({ town }: { town: string }) => ({ degrees: town.length })

async function post(path: string, body: unknown) {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a host in a hurry
  return (await response.json()) as { session_id: string }
}

/** The events of a session, until none of its tasks is open. */
async function* follow(sessionId: string) {
  const { body } = await fetch(`${url}/sessions/${sessionId}/events?until=idle`, { headers: { accept: 'text/event-stream' } })
  let text = ''
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (text + piece).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: {"schema_version"')) yield JSON.parse(line.slice('data: '.length))
  }
}

const { session_id } = await post('/sessions', JSON.parse(session))
await post(`/sessions/${session_id}/tasks`, { messages: [{ role: 'user', content: prompt }], toolManifest: [weather] })
const inputs = new Map()
for await (const { type, payload } of follow(session_id)) {
  process.stdout.write(`${type} ${payload.executed_by ?? ''}\n`)
  const { tool_call_id, attempt, input_hash } = payload
  if (type === 'tool.call.requested') inputs.set(tool_call_id, payload.input)
  if (type === 'tool.call.started' && payload.executed_by === 'host')
    await post(`/sessions/${session_id}/tool-calls/${tool_call_id}/result`, { attempt, input_hash, result: run(inputs.get(tool_call_id)) })
}
