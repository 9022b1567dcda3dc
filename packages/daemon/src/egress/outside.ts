import { once } from 'node:events'
import { connect, isIPv6, type Socket } from 'node:net'
import { until } from './until.ts'
import { toAuthority, type Target } from './host.ts'
import { Refusal } from './refusal.ts'

/** Milliseconds, all addresses of a host together. */
const CONNECT_TIME = 10_000
/** One that does not answer leaves the time to the next. */
const ATTEMPT_TIME = 2_500
const KEEP_ALIVE = 60_000

/**
 * Connects to one of these addresses, and to nothing else: no name is looked up any more. The socket stays half open when the other
 * side ends. Rejects with `Refusal`, or with the reason of the signal.
 */
export async function connectOutside(target: Target, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
  return dial(connectAny(target, addresses), 'connect', target, signal)
}

/** Waits until a socket is ready, within the bounds of time; a socket that does not become so is destroyed. */
export async function dial<S extends Socket>(
  socket: S,
  ready: 'connect' | 'secureConnect',
  target: Target,
  signal: AbortSignal,
): Promise<S> {
  const limit = AbortSignal.timeout(CONNECT_TIME)
  // At no time is it without somebody who takes its errors.
  socket.on('error', () => socket.destroy())
  try {
    await until(once(socket, ready), AbortSignal.any([signal, limit]))
    return socket
  } catch (error) {
    socket.destroy()
    if (signal.aborted) throw error
    const name = toAuthority(target)
    if (limit.aborted) throw new Refusal(504, `${name} did not answer in time`, { cause: error })
    throw new Refusal(502, `${name} refused the connection`, { cause: error })
  }
}

function connectAny({ port }: Target, addresses: readonly string[]): Socket {
  const [only = ''] = addresses
  const options = { port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE, allowHalfOpen: true }
  if (addresses.length < 2) return connect({ ...options, host: only })
  return connect({
    ...options,
    host: 'checked.invalid',
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIME,
    lookup: (_host, _options, found) =>
      found(
        null,
        addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
      ),
  })
}
