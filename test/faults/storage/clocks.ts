import assert from 'node:assert/strict'
import { readInvocation } from '../../../packages/daemon/src/configuration/config.ts'
import type { Clock } from '../../../packages/daemon/src/core/ports.ts'
import { createDaemon } from '../../../packages/daemon/src/daemon.ts'
import { TestClient } from '../../harness/client.ts'
import type { Fault } from '../fault.ts'
import { createPlace } from './place.ts'
import { isEnd, Witness } from './witness.ts'

const HOUR = 3_600_000

/** A system clock that somebody sets while the daemon works. */
function createClock(): Clock & { set(by: number): void } {
  let offset = 0
  return {
    now: () => new Date(Date.now() + offset).toISOString(),
    monotonic: () => performance.now(),
    set(by) {
      offset += by
    },
  }
}

export const clockFault: Fault = {
  id: 'F40',
  name: 'the clock goes back an hour, ahead a year and back again, during tasks',
  rounds: { short: 1, long: 20 },
  async run({ random }) {
    await using place = await createPlace()
    const clock = createClock()
    const invocation = readInvocation([...place.argsOf(), '--log-level', 'silent', '--retain', '30d', '--max-queued-tasks', '1'], {
      HOME: place.path,
    })
    assert.ok(invocation.command === 'serve')
    await using daemon = await createDaemon(invocation.config, { clock })
    const client = new TestClient(daemon.url)
    const session = await client.createSession({
      runtime: 'scripted',
      cwd: place.workspace,
      permissionMode: 'ask',
      credentialNamespace: 'test',
    })
    const witness = new Witness(session.session_id)
    const following = (async () => {
      let ends = 0
      return witness.follow(client, (type) => isEnd(type) && (ends += 1) === 2)
    })()
    const start = async () => {
      const task = await client.startTask(session.session_id, JSON.stringify({ count: 60, bytes: 10, pause: 5 }), { timeoutMs: 20_000 })
      witness.accepted(task.task_id)
    }
    await start()
    await start()
    for (const by of [-HOUR, 8_760 * HOUR, -24 * HOUR, -8_760 * HOUR]) {
      clock.set(by)
      const refused = await client.post(`/sessions/${session.session_id}/tasks`, { messages: [{ role: 'user', content: '{}' }] })
      if (refused.status === 202) witness.accepted(refused.body.task_id)
      else assert.ok(Number(refused.headers.get('retry-after')) >= 0, `Retry-After: ${refused.headers.get('retry-after')}`)
      await new Promise((resolve) => setTimeout(resolve, 20 + 60 * random()))
    }
    assert.ok(await following)
    assert.ok(
      witness.seen.every((text) => !text.includes('"task.failed"')),
      'a time limit ran out that had not',
    )
    for (const { path } of [{ path: '/status' }, { path: '/health' }, { path: '/sessions' }])
      assert.equal((await client.get(path)).status, 200)
    // What was accepted meanwhile ends too.
    const ended = async () =>
      ((await client.get(`/sessions/${session.session_id}`)).body as { phase?: string; status?: string }).status !== 'running'
    for (let asked = 0; asked < 500 && !(await ended()); asked++) await new Promise((resolve) => setTimeout(resolve, 20))
    await witness.check(client)
  },
}
