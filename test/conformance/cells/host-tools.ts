import type { Session } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { decisions, ofType, only, said } from '../events.ts'
import { heard } from '../heard.ts'
import { finish, play } from '../round.ts'
import type { LegInput } from '../script.ts'

const weather = {
  name: 'weather',
  description: 'Tells the weather of a town.',
  permission: 'read-only',
  input_schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'], additionalProperties: false },
  output_schema: { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] },
}
const order = {
  name: 'order',
  description: 'Orders a pizza.',
  permission: 'dangerous',
  input_schema: { type: 'object', properties: { pizza: { type: 'string' } }, required: ['pizza'] },
}

const calls = (name: string, input: Readonly<Record<string, unknown>>): LegInput => ({
  tools: [{ tool: 'mcp', server: 'codesdkd', name, input }],
})

/** A host: gives the tool's result for every call that it is to run, until the stream ends. */
async function serve(
  client: TestClient,
  { session_id }: Session,
  run: (name: string, input: unknown) => unknown,
  signal: AbortSignal,
): Promise<void> {
  const requested = new Map<string, { name: string; input: unknown }>()
  for await (const event of client.follow(session_id, 0, signal)) {
    if (event.type === 'tool.call.requested') requested.set(event.payload.tool_call_id, event.payload)
    if (event.type !== 'tool.call.started' || event.payload.executed_by !== 'host') continue
    const { tool_call_id, attempt, input_hash } = event.payload
    const { name, input } = requested.get(tool_call_id) ?? expect.fail('started without a request')
    const answer = await client.post(`/sessions/${session_id}/tool-calls/${tool_call_id}/result`, {
      attempt,
      input_hash,
      result: run(name, input),
    })
    expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ ok: true, tool_call_id })])
  }
}

async function withHost<T>(
  client: TestClient,
  session: Session,
  run: (name: string, input: unknown) => unknown,
  play: () => Promise<T>,
): Promise<T> {
  const end = new AbortController()
  const serving = serve(client, session, run, end.signal).catch((error: unknown) => {
    if (!end.signal.aborted) throw error
  })
  try {
    return await Promise.race([play(), serving.then(() => expect.fail('the host has ended first'))])
  } finally {
    end.abort()
    await serving
  }
}

export const hostTools: readonly Cell[] = [
  {
    name: 'a tool of the host: the agent calls it, the host runs it, the model hears the result',
    quick: true,
    needs: { supports_host_tools: true },
    proves: { supports_host_tools: true },
    async run(stage) {
      stage.script({ weather: [calls('weather', { town: 'Jena' }), { text: 'It is warm.' }] })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session())
      const { end, events } = await withHost(
        daemon.client,
        session,
        (name, input) => {
          expect([name, input]).toEqual(['weather', { town: 'Jena' }])
          return { degrees: 21 }
        },
        () => play(daemon.client, session, 'weather', { task: { toolManifest: [weather] } }),
      )
      expect(end.type).toBe('task.completed')
      expect(decisions(events)).toEqual(['weather: approved by policy (read_only)'])
      expect(only(events, 'tool.call.requested').payload).toMatchObject({
        name: 'weather',
        kind: 'read',
        executed_by: 'host',
        permission: 'read-only',
      })
      expect(only(events, 'tool.call.completed').payload).toMatchObject({
        executed_by: 'host',
        execution_env: 'host',
        result_preview: '{"degrees":21}',
        is_error: false,
      })
      expect(heard(stage.model, '21')).toBe(true)
      expect(said(events)).toContain('It is warm.')
    },
  },
  {
    name: 'a dangerous tool of the host waits for a person, and a denial reaches the model',
    needs: { supports_host_tools: true },
    async run(stage) {
      stage.script({
        pizza: [calls('order', { pizza: 'Funghi' }), calls('order', { pizza: 'Hawaii' }), { text: 'One pizza.' }],
      })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session())
      const ordered: unknown[] = []
      const { events } = await withHost(
        daemon.client,
        session,
        (_name, input) => {
          ordered.push(input)
          return 'ordered'
        },
        () =>
          play(daemon.client, session, 'pizza', {
            task: { toolManifest: [order] },
            decide: ({ payload }) => (JSON.stringify(payload.input).includes('Hawaii') ? 'Pineapple is forbidden here.' : null),
          }),
      )
      expect(decisions(events)).toEqual(['order: approved by user (person)', 'order: denied by user (person)'])
      expect(ordered).toEqual([{ pizza: 'Funghi' }])
      expect(heard(stage.model, 'Pineapple is forbidden here.')).toBe(true)
    },
  },
  {
    name: 'auto: a dangerous tool of the host is denied; another task of the session has other tools',
    needs: { supports_host_tools: true },
    async run(stage) {
      stage.script({
        pizza: [calls('order', { pizza: 'Funghi' }), { text: 'No pizza.' }],
        weather: [calls('weather', { town: 'Jena' }), { text: 'It is warm.' }],
      })
      await using daemon = await stage.open()
      const session = await daemon.client.createSession(stage.session({ permissionMode: 'auto' }))
      const denied = await play(daemon.client, session, 'pizza', { task: { toolManifest: [order] } })
      expect(decisions(denied.events)).toEqual(['order: denied by policy (dangerous_tool)'])
      const { events } = await withHost(
        daemon.client,
        session,
        () => ({ degrees: 3 }),
        () => play(daemon.client, session, 'weather', { task: { toolManifest: [weather] } }),
      )
      expect(decisions(events)).toEqual(['weather: approved by policy (tool_permission)'])
      expect(only(events, 'tool.call.completed').payload).toMatchObject({ result_preview: '{"degrees":3}' })
    },
  },
  {
    name: 'a stop cancels a call that waits for its host',
    needs: { supports_host_tools: true },
    async run(stage) {
      stage.script({ weather: [calls('weather', { town: 'Jena' }), { text: 'It is warm.' }] })
      await using daemon = await stage.open()
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'weather', { toolManifest: [weather] })
      await client.event(session.session_id, 'tool.call.started')
      await client.post(`/sessions/${session.session_id}/tasks/${task.task_id}/stop`)
      const { end, events } = await finish(client, session, task)
      expect(end.type).toBe('task.stopped')
      expect(ofType(events, 'tool.call.completed').map(({ payload }) => payload.is_error)).toEqual([true])
    },
  },
]
