import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../lifecycle/testing/processes.ts'
import { openDisk, type Disk } from './disk.ts'
import { attachStrace } from './strace.ts'
import type { Fault, Round } from '../fault.ts'
import { refusedStart, type Launched } from '../launch.ts'
import { createPlace, createSession, startTask, type Place } from './place.ts'
import { isEnd, type Witness } from './witness.ts'

const statusOf = async ({ client }: Launched, path: string): Promise<number> => (await client.get(path)).status

/** Makes work while writes fail and looks at what is answered; then lets the disk be well again and looks for what was lost. */
async function survive(
  daemon: Launched,
  place: Place,
  { spoil, mend }: { spoil: () => void | Promise<void>; mend: () => void | Promise<void> },
): Promise<void> {
  const { client, pid } = daemon
  const talking = await createSession(daemon, place)
  const stopped = await createSession(daemon, place)
  await startTask(client, talking, { count: 150, bytes: 20_000, pause: 5 })
  const stoppedTask = await startTask(client, stopped, { count: 100_000, bytes: 5_000, pause: 5 })
  const following = [talking, stopped].map((witness) => witness.follow(client, isEnd))
  await until('something was said', () => talking.seen.length > 5 && stopped.seen.length > 5, 30_000)
  await spoil()
  await until('it says that it takes no work', async () => (await statusOf(daemon, '/readyz')) === 503, 30_000)
  await refuses(daemon, place, talking)
  // Its end waits for the disk, or finds room in the reserve.
  await client.post(`/sessions/${stopped.sessionId}/tasks/${stoppedTask}/stop`).catch(() => undefined)
  await delay(300)
  assert.equal(await statusOf(daemon, '/livez'), 200)
  await mend()
  await until('it takes work again', async () => (await statusOf(daemon, '/readyz')) === 200, 30_000)
  assert.deepEqual(await within(Promise.all(following), 60_000), [true, true], 'a task has no end that was seen')
  const next = await createSession(daemon, place)
  await startTask(client, next, {})
  await next.follow(client, isEnd)
  for (const witness of [talking, stopped, next]) await witness.check(client)
  assert.equal(daemon.pid, pid)
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const over = new AbortController()
  try {
    return await Promise.race([work, delay(ms, undefined, { signal: over.signal }).then(() => assert.fail(`not within ${ms} ms`))])
  } finally {
    over.abort()
  }
}

/** New work is refused, what is there can be read. */
async function refuses({ client }: Launched, { workspace }: Place, witness: Witness): Promise<void> {
  const session = { runtime: 'scripted', cwd: workspace, permissionMode: 'ask', credentialNamespace: 'test' }
  const created = await client.post('/sessions', session)
  const { body } = created
  assert.deepEqual([created.status, body?.error], [503, 'storage_unavailable'], created.text)
  const read = await client.get(`/sessions/${witness.sessionId}/events?after_seq=0&limit=10`)
  assert.equal(read.status, 200, read.text)
  const { storage, issues } = (await client.get('/status')).body as { storage: { ok: boolean }; issues: readonly { kind: string }[] }
  assert.equal(storage.ok, false)
  assert.ok(issues.some(({ kind }) => kind === 'storage_failing'))
}

async function onDisk(size: string, fault: (disk: Disk, place: Place, daemon: Launched) => Promise<void>): Promise<void> {
  await using disk = await openDisk(size)
  await using place = await createPlace(`${disk.path}/state`)
  await using daemon = await place.start({ prefix: disk.prefix })
  await fault(disk, place, daemon)
  assert.equal(await daemon.end(), 0)
}

const full: Fault = {
  id: 'F30',
  name: 'the disk is full, then there is room again',
  rounds: { short: 1, long: 20 },
  run: ({ random }: Round) =>
    // Of less than 14 MB what was written leaves no 4 MB free, and work is refused for as long as that is so.
    onDisk(`${16 + Math.floor(random() * 20)}m`, (disk, place, daemon) =>
      survive(daemon, place, { spoil: () => disk.fill(), mend: () => disk.free() }),
    ),
}

/** Fails the calls on the files of the log until it is disposed, by tracing the daemon. */
async function failCalls(
  daemon: Launched,
  { dataDir }: Place,
  { calls, error }: { calls: string; error: string },
): Promise<AsyncDisposable> {
  return attachStrace(daemon.pid, {
    calls,
    error,
    paths: ['codesdkd.db', 'codesdkd.db-wal', 'ballast', 'tmp/hwm.json'].map((name) => `${dataDir}/${name}`),
  })
}

const refusals = [
  { id: 'F31a', name: 'writes fail with ENOSPC', calls: 'pwrite64,write,ftruncate,fallocate', error: 'ENOSPC' },
  { id: 'F31b', name: 'writes fail with EIO', calls: 'pwrite64,write,ftruncate', error: 'EIO' },
  { id: 'F31c', name: 'syncs fail with EIO', calls: 'fsync,fdatasync', error: 'EIO' },
  {
    id: 'F33',
    name: 'the disk becomes read-only (EROFS) while the daemon runs',
    calls: 'pwrite64,write,ftruncate,fsync,fdatasync',
    error: 'EROFS',
  },
].map(({ id, name, ...fault }): Fault => ({
  id,
  name: `${name}, then all is well again`,
  rounds: { short: 1, long: 10 },
  async run() {
    await using place = await createPlace()
    await using daemon = await place.start()
    await using failing = new AsyncDisposableStack()
    await survive(daemon, place, {
      async spoil() {
        failing.use(await failCalls(daemon, place, fault))
      },
      mend: () => failing.disposeAsync(),
    })
    assert.equal(await daemon.end(), 0)
  },
}))

const readOnlyStart: Fault = {
  id: 'F33a',
  name: 'the data directory is read-only when the daemon starts',
  rounds: { short: 1, long: 10 },
  async run() {
    await using disk = await openDisk('64m')
    await using place = await createPlace(`${disk.path}/state`)
    {
      await using daemon = await place.start({ prefix: disk.prefix })
      assert.equal(await daemon.end(), 0)
    }
    disk.remount('ro')
    const { code, stderr } = await refusedStart({ prefix: disk.prefix, args: place.argsOf() })
    assert.equal(code, 73, stderr)
    assert.equal(stderr.trimEnd().split('\n').length, 1)
    assert.ok(stderr.includes(place.dataDir), stderr)
    disk.remount('rw')
    await using daemon = await place.start({ prefix: disk.prefix })
    assert.equal(await statusOf(daemon, '/readyz'), 200)
  },
}

export const diskFaults: readonly Fault[] = [full, ...refusals, readOnlyStart]
