import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AgentProcess } from './context.ts'
import { createPeerCheck } from './peer.ts'
import { parseSocketTable, toHex } from './proc.ts'

const linux = process.platform === 'linux'
const uid = process.getuid?.() ?? -1
/** A client that says hello and waits. */
const client = (port: number) =>
  `const s = require('net').connect(${port}, '127.0.0.1'); s.write('hello'); s.on('data', () => process.exit()); setTimeout(() => process.exit(), 20000)`

let server: Server
let port: number
const children: ChildProcess[] = []

beforeEach(async () => {
  // The clients are killed at the end of each test, which may reset their connections.
  server = createServer({ allowHalfOpen: true }, (socket) => void socket.on('error', () => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  server.close()
})

/** Starts a process group of its own, as agents are started, and waits until something of it has said hello. */
async function connectFrom(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const accepted = Promise.withResolvers<Socket>()
  server.once('connection', accepted.resolve)
  const child = spawn(command, args, { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } })
  children.push(child)
  const socket = await accepted.promise
  await once(socket, 'data')
  return { socket, pid: child.pid ?? -1, release: () => socket.end('bye') }
}

async function verdict(socket: Socket, agents: readonly AgentProcess[], sameUser = true): Promise<string | null> {
  return (await createPeerCheck({ sameUser, uid, agents: () => agents })(socket))?.code ?? null
}

describe.skipIf(!linux)('who is at the other end', () => {
  const node = process.execPath

  test('a process of the same user that is no agent', async () => {
    const { socket, release } = await connectFrom(node, ['-e', client(port)])
    expect(await verdict(socket, [])).toBeNull()
    expect(await verdict(socket, [{ pid: null, mark: 'other' }])).toBeNull()
    expect(await createPeerCheck({ sameUser: true, uid: uid + 1, agents: () => [] })(socket)).toMatchObject({ code: 'user_not_allowed' })
    expect(await createPeerCheck({ sameUser: false, uid: uid + 1, agents: () => [] })(socket)).toBeNull()
    release()
  })

  test.skipIf(uid !== 0)('another user', async () => {
    const { socket, release } = await connectFrom('setpriv', ['--reuid', '65534', '--clear-groups', node, '-e', client(port)])
    expect(await verdict(socket, [])).toBe('user_not_allowed')
    release()
  })

  test('an agent itself', async () => {
    const { socket, pid, release } = await connectFrom(node, ['-e', client(port)])
    for (const sameUser of [true, false]) expect(await verdict(socket, [{ pid, mark: 'm' }], sameUser)).toBe('agent_not_allowed')
    release()
  })

  test('a child of an agent, in its group', async () => {
    const { socket, pid, release } = await connectFrom('sh', ['-c', `"$0" -e "$1"; true`, node, client(port)])
    expect(await verdict(socket, [{ pid, mark: 'm' }])).toBe('agent_not_allowed')
    release()
  })

  test('a descendant in a session of its own, found by its parents', async () => {
    const { socket, pid, release } = await connectFrom('sh', ['-c', `setsid --wait "$0" -e "$1"; true`, node, client(port)])
    expect(await verdict(socket, [{ pid, mark: 'm' }])).toBe('agent_not_allowed')
    release()
  })

  test('a descendant without living parents in a session of its own, found by its mark', async () => {
    const { socket, release } = await connectFrom('sh', ['-c', `setsid --fork "$0" -e "$1"`, node, client(port)], {
      CODESDKD_PROCESS: 'mark-1',
    })
    expect(await verdict(socket, [{ pid: null, mark: 'mark-1' }])).toBe('agent_not_allowed')
    expect(await verdict(socket, [{ pid: null, mark: 'mark-2' }])).toBeNull()
    release()
  })

  test('nobody any more: what cannot be told is refused, where it matters', async () => {
    const { socket, release } = await connectFrom(node, [
      '-e',
      `const s = require('net').connect(${port}, '127.0.0.1'); s.end('hello', () => process.exit())`,
    ])
    if (!socket.readableEnded) await once(socket.resume(), 'end')
    await expect.poll(() => verdict(socket, [])).toBe('user_not_allowed')
    expect(await verdict(socket, [{ pid: null, mark: 'm' }], false)).toBe('agent_not_allowed')
    expect(await verdict(socket, [], false)).toBeNull()
    release()
  })

  test('a connection is looked up once', async () => {
    const { socket, release } = await connectFrom(node, ['-e', client(port)])
    let asked = 0
    const check = createPeerCheck({ sameUser: true, uid, agents: () => (asked++, []) })
    const verdicts = await Promise.all([check(socket), check(socket), check(socket)])
    expect(verdicts).toEqual([null, null, null])
    expect(asked).toBe(1)
    release()
  })
})

describe('/proc/net/tcp', () => {
  test.each([
    ['127.0.0.1', '0100007F'],
    ['192.168.1.20', '1401A8C0'],
    ['::1', '00000000000000000000000001000000'],
    ['::ffff:127.0.0.1', '0000000000000000FFFF00000100007F'],
    ['fe80::1%eth0', '000080FE000000000000000001000000'],
  ])('%s is %s', (address, hex) => expect(toHex(address)).toBe(hex))

  test('rows', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:3039 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 34321 1 0000000000000000 100 0 0 10 0
   1: 0100007F:D431 0100007F:3039 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
`
    expect(parseSocketTable(table)).toEqual([
      ['0100007F:3039 00000000:0000', { uid: 1000, inode: '34321' }],
      ['0100007F:D431 0100007F:3039', { uid: 0, inode: '0' }],
    ])
  })
})
