import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { Problem } from '@codesdkd/protocol'
import type { AgentProcess } from './context.ts'
import { endpoints, scanProc, type Scan } from './proc.ts'

export interface PeerOptions {
  /** Refuse connections of other users (mode `same-user`). */
  readonly sameUser: boolean
  readonly uid: number
  readonly agents: () => readonly AgentProcess[]
}

/** Says why the process at the other end of a connection may not use the API, or null. Asked once per connection. Rejects when it cannot be told for want of descriptors. */
export type PeerCheck = (socket: Socket) => Promise<Problem | null>

/**
 * Looks up the peer of a loopback connection in /proc. One scan runs at a time, and connections that arrive meanwhile share the
 * next one: a flood of connections costs no more than one scan after another. A scan always begins after the connection was made.
 */
export function createPeerCheck(options: PeerOptions): PeerCheck {
  const verdicts = new WeakMap<Socket, Promise<Problem | null>>()
  const scan = shared(() => scanProc(options.agents()))
  return (socket) => {
    const known = verdicts.get(socket)
    if (known !== undefined) return known
    const verdict = judge(socket, options, scan)
    verdicts.set(socket, verdict)
    // What could not be found out now may be with the next request.
    verdict.catch(() => verdicts.delete(socket))
    return verdict
  }
}

async function judge(socket: Socket, options: PeerOptions, scan: () => Promise<Scan>): Promise<Problem | null> {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (!options.sameUser && options.agents().length === 0) return null
  if (remoteAddress === undefined || remotePort === undefined || localAddress === undefined || localPort === undefined) return otherUser()
  if (!isOwnAddress(remoteAddress)) return options.sameUser ? otherUser() : null
  const { sockets, agentInodes } = await scan()
  const owner = endpoints(remoteAddress, remotePort, localAddress, localPort)
    .map((key) => sockets.get(key))
    .find((row) => row !== undefined)
  // Inode 0: the peer closed its end after writing. Nobody can be held to the request any more, and root would own the row.
  if (owner === undefined || owner.inode === '0') return options.sameUser ? otherUser() : agent()
  if (agentInodes.has(owner.inode)) return agent()
  return options.sameUser && owner.uid !== options.uid ? otherUser() : null
}

function otherUser(): Problem {
  return new Problem('user_not_allowed', 'Only processes of the user who runs this daemon may call it.')
}

function agent(): Problem {
  return new Problem('agent_not_allowed', 'This connection belongs to an agent of this daemon, or its owner cannot be told.')
}

/** Runs `task` at most once at a time; every caller gets the result of a run that began after its call. */
function shared<T>(task: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | null = null
  return () => {
    next ??= running.then(() => {
      const run = task()
      next = null
      running = run.catch(() => {})
      return run
    })
    return next
  }
}

function isOwnAddress(address: string): boolean {
  const own = address.replace(/^::ffff:/i, '').replace(/%.*$/, '')
  if (own.startsWith('127.') || own === '::1') return true
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === own))
}
