import { ServerResponse } from 'node:http'
import { SqliteEventLog } from '../../packages/daemon/src/storage/event-log.ts'
import { Listeners } from '../../packages/daemon/src/storage/listeners.ts'

/**
 * Loaded before a daemon's own program (`node --import`), it wraps the ports of that daemon so that it is killed, or fails, at one point.
 * FAILPOINT names the point; FAILPOINT_AT says the how manieth time, from 1.
 */
const point = process.env['FAILPOINT']
let left = Number(process.env['FAILPOINT_AT'] ?? '1')
delete process.env['FAILPOINT']
delete process.env['FAILPOINT_AT']

const append = SqliteEventLog.prototype.append
const tell = Listeners.prototype.tell
const tasks = SqliteEventLog.prototype.tasks
const write = ServerResponse.prototype.write
const end = ServerResponse.prototype.end

function reached(): void {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

switch (point) {
  case 'committed':
    // The row is on the disk, and nobody was told.
    Listeners.prototype.tell = function (key) {
      reached()
      tell.call(this, key)
    }
    break
  case 'approval committed':
    SqliteEventLog.prototype.append = async function (change) {
      await append.call(this, change)
      if (change.events.some(({ type }) => type === 'tool.call.approved')) reached()
    }
    break
  case 'published':
    // The stream has its frame, and the socket does not.
    ServerResponse.prototype.write = function (this: ServerResponse, ...args: Parameters<typeof write>) {
      if (/^id: /m.test(String(args[0]))) reached()
      return write.apply(this, args)
    } as typeof write
    break
  case 'answer of an approval':
    ServerResponse.prototype.end = function (this: ServerResponse, ...args: Parameters<typeof end>) {
      if (this.req.url?.endsWith('/approve') === true) reached()
      return end.apply(this, args)
    } as typeof end
    break
  case 'handler throws':
    SqliteEventLog.prototype.tasks = () => {
      throw new TypeError('a handler throws')
    }
    break
  case 'handler rejects later':
    SqliteEventLog.prototype.tasks = function (...args) {
      void Promise.reject(new TypeError('nobody waits for this'))
      return tasks.apply(this, args)
    }
    break
  case 'uncaught':
    SqliteEventLog.prototype.tasks = function (...args) {
      setImmediate(() => {
        throw new TypeError('nobody catches this')
      })
      return tasks.apply(this, args)
    }
    break
  default:
    throw new Error(`FAILPOINT is ${point}`)
}
