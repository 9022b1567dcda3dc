import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync } from 'node:fs'
import type { ProblemBody, TaskStarted } from '@codesdkd/protocol'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault } from '../fault.ts'
import { createPlace, createSession, play, startTask, taskOf } from './place.ts'
import { holdConnection } from './held-connection.ts'
import { descriptorsOf } from './process-figures.ts'
import { openRawReader } from './raw-reader.ts'
import { isEnd } from './witness.ts'

const connections: Fault = {
  id: 'F41',
  name: 'more connections than descriptors: 200 to a daemon that may have 64; work goes on meanwhile',
  rounds: { short: 1, long: 5 },
  async run() {
    await using place = await createPlace()
    await using daemon = await place.start({ prefix: ['prlimit', '--nofile=64:64'] })
    const witness = await createSession(daemon, place)
    await play(daemon, witness, { count: 5 })
    const before = descriptorsOf(daemon.pid)
    const over = new AbortController()
    const live = witness.follow(daemon.client, () => false, over.signal)
    await until('it follows', () => witness.seen.length > 0, 30_000)
    using held = await holdConnection(daemon.client.url)
    const path = `/sessions/${witness.sessionId}`
    // They take what comes, so that they see when they are turned away.
    const readers = Array.from({ length: 200 }, () => openRawReader(daemon.client.url, `${path}/events?stream=1`, 1_000))
    let away = 0
    for (const { closed } of readers) void closed.then(() => (away += 1))
    // A quarter of the descriptors is for clients, and one or two of them it had.
    await until('the others are turned away', () => away >= 200 - 64 / 4, 30_000)
    assert.ok(descriptorsOf(daemon.pid) < 60)
    assert.equal((await held.ask('GET', path)).status, 200)
    const seen = witness.seen.length
    const { status, body } = await held.ask('POST', `${path}/tasks`, taskOf({ count: 5 }))
    assert.equal(status, 202, JSON.stringify(body))
    witness.accepted((body as TaskStarted).task_id)
    await until('the task ends', () => witness.seen.slice(seen).some((text) => text.includes('"task.completed"')), 30_000)
    for (const reader of readers) reader[Symbol.dispose]()
    await until('they are given back', () => descriptorsOf(daemon.pid) <= before + 4, 30_000)
    await play(daemon, witness, { count: 5 })
    over.abort()
    await live
    await witness.check(daemon.client)
  },
}

const descriptors: Fault = {
  id: 'F41a',
  name: 'no descriptor is left, then there are some again',
  rounds: { short: 1, long: 5 },
  async run() {
    await using place = await createPlace()
    await using daemon = await place.start({ prefix: ['prlimit', '--nofile=64:64'] })
    const witness = await createSession(daemon, place)
    await play(daemon, witness, { count: 5 })
    const path = `/sessions/${witness.sessionId}`
    using held = await holdConnection(daemon.client.url)
    const limit = (soft: number) => execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${soft}:64`])
    // Below what it has open: it keeps those and gets no other.
    limit(8)
    for (const [method, at, body] of [
      ['POST', '/sessions', { runtime: 'scripted', cwd: place.workspace }],
      ['GET', `${path}/support-bundle`, undefined],
    ] as const) {
      const refused = await held.ask(method, at, body)
      assert.deepEqual([refused.status, (refused.body as ProblemBody).error], [503, 'resources_exhausted'], `${method} ${at}`)
    }
    assert.equal((await held.ask('GET', path)).status, 200)
    limit(64)
    await play(daemon, witness, { count: 5 })
    assert.ok(await witness.follow(daemon.client, isEnd))
    await witness.check(daemon.client)
  },
}

// Nobody's own number, so that nobody else's processes count.
const user = 61_234
const who = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups']

const processes: Fault = {
  id: 'F42',
  name: 'no process can be started: an ordinary user at the limit',
  rounds: { short: 1, long: 5 },
  async run({ skip }) {
    if (process.getuid?.() !== 0) skip('only root may become another user')
    await using place = await createPlace()
    chmodSync(place.path, 0o711)
    for (const path of [place.path, place.workspace]) chownSync(path, user, user)
    await using daemon = await place.start({
      prefix: ['setpriv', ...who, 'prlimit', '--nproc=24:64'],
      args: ['--auth', 'none'],
      env: { HOME: place.path },
    })
    const witness = await createSession(daemon, place)
    await play(daemon, witness, { count: 2 })
    setProcessLimit(daemon.pid, 1)
    const other = await createSession(daemon, place)
    await startTask(daemon.client, other, { count: 2 })
    assert.ok(await other.follow(daemon.client, isEnd))
    assert.match(other.seen.at(-1) ?? '', /"task\.failed"/)
    setProcessLimit(daemon.pid, 64)
    await play(daemon, other, { count: 2 })
    for (const each of [witness, other]) await each.check(daemon.client)
  },
}

function setProcessLimit(pid: number, limit: number): void {
  // As that user: the limits of somebody else's processes may not be touched in a container, even by root.
  execFileSync('setpriv', [...who, 'prlimit', '--pid', String(pid), `--nproc=${limit}:64`])
}

const fileSize: Fault = {
  id: 'F31',
  name: 'no file may grow beyond 3 MB, then it may',
  rounds: { short: 1, long: 10 },
  async run() {
    await using place = await createPlace()
    await using daemon = await place.start()
    const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(daemon.pid), `--fsize=${bytes}:unlimited`])
    const witness = await createSession(daemon, place)
    await startTask(daemon.client, witness, { count: 400, bytes: 20_000, pause: 1 })
    const following = witness.follow(daemon.client, isEnd)
    await until('something was said', () => witness.seen.length > 5, 30_000)
    limit('3000000')
    await until('it says that it takes no work', async () => (await daemon.client.get('/readyz')).status === 503, 30_000)
    assert.equal((await daemon.client.get(`/sessions/${witness.sessionId}/events?limit=5`)).status, 200)
    limit('unlimited')
    await until('it takes work again', async () => (await daemon.client.get('/readyz')).status === 200, 30_000)
    assert.ok(await following)
    await witness.check(daemon.client)
  },
}

export const limitFaults: readonly Fault[] = [connections, descriptors, processes, fileSize]
