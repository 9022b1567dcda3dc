import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createStage, spawnDaemon } from '../harness/daemon.ts'

interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly status: { readonly code?: number; readonly message?: string }
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpSpan['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** What takes traces in: everything that was sent to it, as it came. */
async function createCollector() {
  const received: { readonly path: string; readonly type: string | undefined; readonly body: Buffer }[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      received.push({ path: incoming.url ?? '', type: incoming.headers['content-type'], body: Buffer.concat(chunks) })
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const bodies = () => received.map(({ body }) => JSON.parse(body.toString()) as OtlpBody)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    bodies,
    spans: () =>
      bodies().flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const prompt = 'touch the secret garden'
const scenarios = [
  { name: 'touch', prompt: 'touch', legs: [{ tools: [{ tool: 'shell' as const, command: 'touch made' }] }, { text: 'I have made it.' }] },
]
const attributesOf = (span: OtlpSpan | undefined) =>
  Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]))

test(
  'a task is a trace: what the model, the tools and people took; names and numbers, and nothing that anybody said',
  { timeout: 60_000 },
  async () => {
    await using collector = await createCollector()
    await using stage = await createStage(scenarios)
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    }
    await using daemon = await spawnDaemon(['--data-dir', stage.folder.dataDir, '--log-level', 'warn'], env)
    const { client } = daemon
    const { session_id } = await client.createSession(stage.session())
    const body = { messages: [{ role: 'user', content: prompt }] }
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const started = await client.request('POST', `/sessions/${session_id}/tasks`, body, { traceparent })
    await client.finish(started.body)
    const events = await client.events(session_id)
    await daemon.end()

    const spans = collector.spans()
    const named = (name: string) => spans.filter((span) => span.name === name)
    const [task] = named('invoke_agent codex-sdk')
    expect(task).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331' })
    expect(attributesOf(task)).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.conversation.id': session_id,
      'gen_ai.provider.name': 'openai',
      'codesdkd.task.status': 'completed',
    })
    const at = (type: string) => `${Date.parse(events.find((event) => event.type === type)?.time ?? '')}000000`
    expect([task?.startTimeUnixNano, task?.endTimeUnixNano]).toEqual([at('task.started'), at('task.completed')])
    const [call] = named('execute_tool shell')
    expect(call?.parentSpanId).toBe(task?.spanId)
    expect(attributesOf(call)).toMatchObject({ 'codesdkd.decision': 'approved', 'codesdkd.decided_by': 'user', 'process.exit.code': 0 })
    const [wait] = named('wait_for_human')
    expect(wait?.parentSpanId).toBe(call?.spanId)
    expect(wait?.endTimeUnixNano).toBe(at('tool.call.approved'))
    const asked = events.filter(({ type }) => type === 'runtime.request.completed')
    expect(spans.filter(({ name }) => name.startsWith('chat')).map(({ parentSpanId }) => parentSpanId)).toEqual(
      asked.map(() => task?.spanId),
    )
    expect(named('create_session')).toHaveLength(1)
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2)

    const text = collector.received.map(({ body: bytes }) => bytes.toString()).join('')
    for (const said of [prompt, 'I have made it', 'touch made', stage.folder.workspace]) expect(text).not.toContain(said)
    expect(text).toContain('deployment.environment')
    expect(collector.received.map(({ path }) => path)).toContain('/v1/traces')
  },
)

test(
  'what was said is there where it is asked for; a task that the daemon did not outlive ends as an error',
  { timeout: 60_000 },
  async () => {
    await using collector = await createCollector()
    await using stage = await createStage(scenarios)
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/here`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true',
    }
    const start = () => spawnDaemon(['--data-dir', stage.folder.dataDir, '--log-level', 'warn'], env)
    await using first = await start()
    const { session_id } = await first.client.createSession(stage.session())
    await first.client.startTask(session_id, prompt)
    await first.client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    await first.end('SIGKILL')
    await using second = await start()
    await second.client.finish(await second.client.startTask(session_id, prompt))
    await second.end()

    const tasks = collector.spans().filter(({ name }) => name === 'invoke_agent codex-sdk')
    expect(tasks.map(({ status, attributes }) => [status.code ?? 0, attributesOf({ attributes } as OtlpSpan)['error.type']])).toEqual([
      [2, 'daemon_restarted'],
      [0, undefined],
    ])
    expect(attributesOf(tasks[1])['gen_ai.input.messages']).toContain(prompt)
    expect(collector.received.every(({ path }) => path === '/here')).toBe(true)
  },
)

test('a collector that is not there holds nothing up, and is told of once', { timeout: 60_000 }, async () => {
  await using stage = await createStage(scenarios)
  const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_BSP_SCHEDULE_DELAY: '1' }
  await using daemon = await spawnDaemon(['--data-dir', stage.folder.dataDir, '--log-level', 'warn'], env)
  const { session_id } = await daemon.client.createSession(stage.session())
  const end = await daemon.client.finish(await daemon.client.startTask(session_id, prompt))
  expect(end.type).toBe('task.completed')
  await daemon.end()
  expect(daemon.stderr().match(/spans could not be exported/g)).toHaveLength(1)
})
