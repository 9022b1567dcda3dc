import { expect, test } from 'vitest'
import { RpcClosed, RpcError, createJsonRpc } from './json-rpc.ts'
import type { Incoming, JsonRpc } from './json-rpc.ts'
import type { Line } from './lines.ts'

interface Peer {
  readonly rpc: JsonRpc
  readonly sent: readonly unknown[]
  readonly received: readonly Incoming[]
  /** Delivers lines together, as they are or as JSON. */
  readonly say: (...lines: readonly unknown[]) => void
  readonly end: () => void
}

function createPeer(receive: (message: Incoming) => Promise<void> = async () => {}, versioned?: boolean): Peer {
  const sent: unknown[] = []
  const received: Incoming[] = []
  const { readable, writable } = new TransformStream<readonly Line[], readonly Line[]>({}, { highWaterMark: 1000 })
  const writer = writable.getWriter()
  const rpc = createJsonRpc({
    ...(versioned === undefined ? {} : { versioned }),
    lines: readable,
    send: (line) => sent.push(JSON.parse(line)),
    receive: async (messages) => {
      for (const message of messages) {
        await receive(message)
        received.push(message)
      }
    },
  })
  const say = (...lines: readonly unknown[]) =>
    void writer.write(lines.map((line) => ({ text: typeof line === 'string' ? line : JSON.stringify(line), truncated: false })))
  return { rpc, sent, received, say, end: () => void writer.close() }
}

const never = new AbortController().signal

test('a request gets its answer, whatever the order', async () => {
  const { rpc, sent, say } = createPeer()
  const [one, two] = [rpc.request('one', { a: 1 }, never), rpc.request('two', undefined, never)]
  expect(sent).toEqual([
    { id: 1, method: 'one', params: { a: 1 } },
    { id: 2, method: 'two' },
  ])
  say({ id: 2, result: 'second' })
  say({ id: 1 })
  expect(await two).toBe('second')
  expect(await one).toBeUndefined()
})

test('an error is an answer too', async () => {
  const { rpc, say } = createPeer()
  const [one, two] = [rpc.request('one', {}, never), rpc.request('two', {}, never)]
  say({ id: 1, error: { code: -32600, message: 'no' } })
  say({ id: 2, error: {} })
  await expect(one).rejects.toEqual(new RpcError(-32600, 'no'))
  await expect(two).rejects.toBeInstanceOf(RpcError)
})

test('an error keeps what the peer added', async () => {
  const { rpc, say } = createPeer()
  const asked = rpc.request('one', {}, never)
  say({ id: 1, error: { code: -32000, message: 'no', data: { details: 'why' } } })
  await expect(asked).rejects.toMatchObject({ code: -32000, data: { details: 'why' } })
})

test('for those who insist on it, every message names the version', () => {
  const { rpc, sent } = createPeer(undefined, true)
  void rpc.request('one', {}, never)
  rpc.notify('two')
  rpc.respond(7, {})
  rpc.refuse(8, -32601, 'no')
  expect(sent).toEqual([
    { jsonrpc: '2.0', id: 1, method: 'one', params: {} },
    { jsonrpc: '2.0', method: 'two' },
    { jsonrpc: '2.0', id: 7, result: {} },
    { jsonrpc: '2.0', id: 8, error: { code: -32601, message: 'no' } },
  ])
})

test('an aborted request rejects, and its late answer is ignored', async () => {
  const { rpc, say, end, received } = createPeer()
  const controller = new AbortController()
  const asked = rpc.request('one', {}, controller.signal)
  controller.abort(new Error('too late'))
  await expect(asked).rejects.toThrow('too late')
  await expect(rpc.request('two', {}, controller.signal)).rejects.toThrow('too late')
  say({ id: 1, result: {} })
  end()
  await rpc.done
  expect(received).toEqual([])
})

test('messages are handled one after the other, in order', async () => {
  const log: string[] = []
  const { rpc, say, end } = createPeer(async (message) => {
    if (message.kind === 'invalid') return
    log.push(`begin ${message.method}`)
    await new Promise((resolve) => setImmediate(resolve))
    log.push(`end ${message.method}`)
  })
  for (const method of ['a', 'b']) say({ method })
  end()
  await rpc.done
  expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b'])
})

test('answers and refusals are sent as such', () => {
  const { rpc, sent } = createPeer()
  rpc.notify('hello')
  rpc.respond(0, { ok: true })
  rpc.refuse('x', -32601, 'no')
  expect(sent).toEqual([{ method: 'hello' }, { id: 0, result: { ok: true } }, { id: 'x', error: { code: -32601, message: 'no' } }])
})

test('what is no message is told, and does not stop the rest', async () => {
  const { rpc, say, end, received } = createPeer()
  for (const line of ['garbage', '[]', 'null', '42', '{}', '{"id":{}}', '{"id":1,"method":5}', '{"__proto__":{"method":"x"}}']) say(line)
  say(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)
  say({ id: 'q', method: 'ask', params: { deep: 1 } })
  end()
  await rpc.done
  expect(received.map(({ kind }) => kind)).toEqual([...Array.from({ length: 9 }, () => 'invalid'), 'request'])
  expect(received.at(-1)).toEqual({ kind: 'request', id: 'q', method: 'ask', params: { deep: 1 } })
})

test('who asked goes on before what came together with the answer is handled', async () => {
  const order: string[] = []
  const { rpc, say, end } = createPeer(async (message) => void order.push(message.kind))
  const asked = (async () => {
    await rpc.request('one', {}, never)
    await Promise.resolve()
    order.push('answer')
  })()
  say({ id: 1, result: {} }, { method: 'x' })
  end()
  await rpc.done
  await asked
  expect(order).toEqual(['answer', 'notification'])
})

test('a line that was cut is no message', async () => {
  const received: Incoming[] = []
  const lines = ReadableStream.from<readonly Line[]>([[{ text: '{"method":"x"}', truncated: true }]])
  await createJsonRpc({ lines, send: () => {}, receive: async (messages) => void received.push(...messages) }).done
  expect(received).toMatchObject([{ kind: 'invalid', reason: 'the line is too long' }])
})

test('when the peer ends, what waits is rejected, and so is what comes later', async () => {
  const { rpc, end } = createPeer()
  const asked = rpc.request('one', {}, never)
  end()
  await expect(asked).rejects.toBeInstanceOf(RpcClosed)
  await rpc.done
  await expect(rpc.request('two', {}, never)).rejects.toBeInstanceOf(RpcClosed)
})
