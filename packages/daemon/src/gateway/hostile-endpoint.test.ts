import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { ask, openStage, showing } from './testing/stage.ts'

/** What comes of something that an endpoint says in place of an answer, byte for byte. */
async function hear(said: string) {
  await using stack = new AsyncDisposableStack()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.once('data', () => socket.write(said, 'latin1'))
  })
  stack.defer(() => void server.close())
  stack.defer(() => sockets.forEach((socket) => socket.destroy()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const stage = stack.use(await openStage())
  const passage = stage.open({ upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const { status } = await ask(`${passage.url}/v1/messages`, { headers: showing(passage), body: '{}' })
  return { status, completed: await stage.completed(1) }
}

test.each([
  ['a status that no answer can have', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['none', 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n'],
  ['another protocol without its name', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
])('%s: the agent is told, and the daemon lives on', async (_name, said) => {
  expect(await hear(said)).toMatchObject({ status: 502, completed: [{ phase: 'completed' }] })
})

test.each([
  ['a control character in its reason', 'HTTP/1.1 200 O\x01\x7fK\r\nContent-Length: 0\r\n\r\n'],
  ['bytes that are no ASCII', 'HTTP/1.1 200 O\xe9K\r\nX-A: \xe9\r\nContent-Length: 0\r\n\r\n'],
  ['the offer of another protocol', 'HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: odd\r\nContent-Length: 0\r\n\r\n'],
])('an answer with %s passes', async (_name, said) => {
  expect(await hear(said)).toMatchObject({ status: 200, completed: [{ status: 200, failure: null }] })
})
