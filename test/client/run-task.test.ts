import { describe, expect, test, vi } from 'vitest'
import { createClient } from '@codesdkd/client'
import type { Approval } from '@codesdkd/protocol'
import { createBench } from '../harness/daemon.ts'

const touch = (file: string) => [{ tools: [{ tool: 'shell' as const, command: `touch ${file}` }] }, { text: `That was ${file}.` }]
const scenarios = [
  { name: 'say', prompt: 'say', legs: [{ text: 'Here I am.' }] },
  { name: 'touch', prompt: { regex: '^touch$' }, legs: touch('touched.txt') },
  { name: 'other', prompt: { regex: '^other$' }, legs: touch('other.txt') },
  { name: 'hang', prompt: { regex: '^hang$' }, legs: [{ text: 'hm', fault: { kind: 'hang' as const } }] },
]

describe.concurrent('runTask', () => {
  test('resolves to what the agent said and did, and tells every event on the way', { timeout: 60_000 }, async () => {
    await using bench = await createBench({ scenarios })
    const client = createClient({ url: bench.client.url })
    const { session_id: sessionId } = await bench.client.createSession(bench.session())
    const asked: Approval[] = []
    const events: string[] = []
    const result = await client.runTask({
      sessionId,
      messages: 'touch',
      onEvent: ({ type }) => void events.push(type),
      onApproval(approval) {
        asked.push(approval)
        return { decision: 'approve' }
      },
    })
    expect(result).toMatchObject({
      status: 'completed',
      text: 'That was touched.txt.',
      error: null,
      receipt: { approvals: { by_user: 1 } },
    })
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
    expect(asked).toMatchObject([{ session_id: sessionId, task_id: result.task_id, kind: 'execute', attempt: 1, runtime: 'codex-sdk' }])
    expect(await bench.folder.read('touched.txt')).toBe('')
    const stored = await bench.client.events(sessionId)
    expect(events).toEqual(stored.filter(({ trace }) => trace.task_id === result.task_id).map(({ type }) => type))
    expect(await client.runTask({ sessionId, messages: 'touch', task_id: result.task_id })).toEqual(result)
  })

  test('denies with a reason', { timeout: 60_000 }, async () => {
    await using bench = await createBench({ scenarios })
    const client = createClient({ url: bench.client.url })
    const { session_id: sessionId } = await bench.client.createSession(bench.session())
    const result = await client.runTask({ sessionId, messages: 'touch', onApproval: () => ({ decision: 'deny', reason: 'not today' }) })
    expect(result.receipt.approvals).toMatchObject({ denied: 1, by_user: 1 })
    expect(await bench.folder.read('touched.txt')).toBeNull()
    expect(result.messages.flatMap(({ content }) => content)).toContainEqual(
      expect.objectContaining({ type: 'tool_result', outcome: 'denied' }),
    )
  })

  test('stops the task with its signal, and rejects with what a callback throws', { timeout: 60_000 }, async () => {
    await using bench = await createBench({ scenarios })
    const client = createClient({ url: bench.client.url })
    const { session_id: sessionId } = await bench.client.createSession(bench.session())
    const enough = new AbortController()
    const stopped = await client.runTask({
      sessionId,
      messages: 'hang',
      signal: enough.signal,
      onEvent({ type }) {
        if (type === 'task.started') enough.abort()
      },
    })
    expect(stopped).toMatchObject({ status: 'stopped' })

    const mistake = new Error('a mistake of the host')
    const { session_id: next } = await bench.client.createSession(bench.session())
    const failing = client.runTask({
      sessionId: next,
      messages: 'touch',
      onApproval() {
        throw mistake
      },
    })
    await expect(failing).rejects.toBe(mistake)
    expect(await client.listApprovals()).toMatchObject({ approvals: [{ session_id: next }] })
    await client.deleteSession(next, { stop: true })
    await expect(client.runTask({ sessionId: next, messages: 'say' })).rejects.toMatchObject({ code: 'session_not_found' })
  })
})

describe.concurrent('onApproval', () => {
  test('puts the calls of all sessions to one handler, those that wait already too', { timeout: 60_000 }, async () => {
    await using bench = await createBench({ scenarios })
    const client = createClient({ url: bench.client.url })
    const waiting = await bench.client.createSession(bench.session())
    const early = await bench.client.startTask(waiting.session_id, 'touch')
    await bench.client.event(waiting.session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
    const enough = new AbortController()
    const asked: string[] = []
    const inbox = client.onApproval(
      ({ session_id, input }) => {
        asked.push(session_id)
        return JSON.stringify(input).includes('other.txt') ? { decision: 'deny', reason: 'no' } : { decision: 'approve' }
      },
      { signal: enough.signal },
    )
    const later = await bench.client.createSession(bench.session())
    const second = await client.runTask({ sessionId: later.session_id, messages: 'other' })
    expect(second.receipt.approvals).toMatchObject({ approved: 0, denied: 1 })
    await vi.waitUntil(async () => (await bench.client.task(early)).status === 'completed', { timeout: 20_000 })
    expect(asked.toSorted()).toEqual([waiting.session_id, later.session_id].toSorted())
    enough.abort()
    await inbox
  })

  test('tells a handler that somebody else has decided, and leaves alone what it does not decide', { timeout: 60_000 }, async () => {
    await using bench = await createBench({ scenarios })
    const client = createClient({ url: bench.client.url })
    const enough = new AbortController()
    const settled = Promise.withResolvers<string>()
    const asked = Promise.withResolvers<Approval>()
    const inbox = client.onApproval(
      async (approval, signal) => {
        asked.resolve(approval)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        settled.resolve(approval.tool_call_id)
        return { decision: 'deny' }
      },
      { signal: enough.signal },
    )
    const { session_id } = await bench.client.createSession(bench.session())
    const task = client.runTask({ sessionId: session_id, messages: 'touch', onApproval: () => null })
    const { tool_call_id, attempt, input_hash } = await asked.promise
    await client.approveToolCall(session_id, tool_call_id, { attempt, input_hash })
    expect(await settled.promise).toBe(tool_call_id)
    expect(await task).toMatchObject({ status: 'completed', receipt: { approvals: { approved: 1, denied: 0 } } })
    enough.abort()
    await inbox
  })
})
