import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { openStorage } from '../storage/storage.ts'
import { canonicalHash, inputHash } from './input-hash.ts'
import { createMasker } from './redaction/redact.ts'
import { Sessions } from './sessions.ts'
import { Seats } from './seats.ts'
import { Slots } from './slots.ts'
import { hesitant } from './testing/hesitant-log.ts'
import { silentRuntime } from './testing/stage.ts'
import { toRegistry } from './tools.ts'

afterEach(() => void vi.useRealTimers())

test('a creation that nobody waits for any more still holds its Idempotency-Key', async () => {
  const path = await mkdtemp(join(tmpdir(), 'codesdkd-sessions-'))
  let ids = 0
  const newId = () => String((ids += 1)).padStart(32, '0')
  const clock = { now: () => new Date().toISOString(), monotonic: () => performance.now() }
  const storage = openStorage({ path: join(path, 'state'), clock, newId })
  const disk = hesitant()
  const runtime = silentRuntime()
  await using sessions = new Sessions({
    log: disk.wrap(storage.log),
    artifacts: storage.artifacts,
    clock,
    newId,
    slots: new Slots(1),
    seats: new Seats({ live: 1, starting: 1 }),
    checkAnswer: () => [],
    tools: toRegistry([]),
    checkSchema: () => Promise.resolve([]),
    implicitSources: () => Promise.resolve([]),
    watchConfiguration: () => Promise.resolve(() => Promise.resolve([])),
    hash: { inputHash, contentHash: canonicalHash },
    queueLimit: 1,
    idleTimeoutMs: 1000,
    approvalTimeoutMs: null,
    judge: () => Promise.resolve({ result: 'ask', rule: 'test' }),
    checkCwd: (cwd) => Promise.resolve(cwd),
    checkRoot: (path) => Promise.resolve(path),
    observer: () => {},
    report: () => {},
    rules: {
      defaultRuntime: runtime.name,
      defaultPermissionMode: 'ask',
      maxPermissionMode: 'yolo',
      defaultCwd: '/',
      sharedAllowed: true,
      sandbox: 'off',
      wall: { available: true },
      writableRoots: [],
      readableRoots: [],
      personal: [],
      networkAllow: [],
      namespaces: new Map(),
    },
    installed: () => Promise.resolve(true),
    forget: () => Promise.resolve(),
    runtimes: new Map([[runtime.name, runtime]]),
    aliases: new Map(),
    environment: () => Promise.reject(new Error('no agent is started')),
    secrets: { save: () => {}, load: () => ({}), hide: (one) => one, reveal: (one) => one },
    erase: () => Promise.resolve(),
    removed: () => {},
    notRemoved: () => {},
    createMasker: (values) => createMasker(values),
  })
  try {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    disk.hold = true
    const create = () => sessions.create({}, { requestId: 'r', idempotencyKey: 'key' })
    const first = expect(create()).rejects.toMatchObject({ code: 'storage_unavailable' })
    await vi.advanceTimersByTimeAsync(60_000)
    await first
    const second = create()
    disk.release()
    expect(await second).toMatchObject({ replayed: true })
    expect(storage.log.stats().sessions).toBe(1)
    expect(sessions.counts().sessions_loaded).toBe(0)
  } finally {
    storage[Symbol.dispose]()
    await rm(path, { recursive: true, force: true })
  }
})
