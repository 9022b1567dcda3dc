import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startChild } from './testing/child.ts'
import { openSample, sampleAppend, sampleEvent, temporaryDirectory } from './testing/samples.ts'

/** Lets a process append until it has said so `times` times, and kills it; by then it may have gone on, up to `rounds`. Returns the last seq that it vouched for. */
async function appendAndKill(path: string, times: number, rounds = times): Promise<number> {
  await using appender = startChild('appender.ts', [path, String(rounds)])
  let acknowledged = 0
  let lines = 0
  for await (const line of appender.lines) {
    acknowledged = Number(line)
    lines += 1
    if (lines === times) appender.process.kill('SIGKILL')
  }
  await appender.closed
  expect(lines).toBeGreaterThanOrEqual(times)
  return acknowledged
}

function setMark(path: string, cursor: number): void {
  writeFileSync(join(path, 'hwm.json'), JSON.stringify({ cursor }))
}

describe('a daemon that is killed', () => {
  test('has stored all that it acknowledged, gapless, under the same log id', async () => {
    using directory = temporaryDirectory()
    const logIds = new Set<string>()
    for (const times of [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]) {
      const acknowledged = await appendAndKill(directory.path, times, 10_000)
      using storage = openSample(directory.path)
      const { log } = storage
      const stored = log.lastSeq('s')
      expect(stored).toBeGreaterThanOrEqual(acknowledged)
      expect(log.read('s', 0, 10_000)).toEqual(
        Array.from({ length: stored }, (_, index) => ({ ...sampleEvent('s', index + 1), cursor: index + 1 })),
      )
      expect(log.gap).toBeNull()
      logIds.add(log.logId)
    }
    expect(logIds.size).toBe(1)
  })

  test('gives its log another name when the machine was started anew since then', async () => {
    using directory = temporaryDirectory()
    const ids: string[] = []
    const open = (bootId: string) => {
      using storage = openSample(directory.path, { bootId })
      ids.push(storage.log.logId)
    }
    open('boot 1')
    open('boot 2')
    await appendAndKill(directory.path, 1)
    open('boot 3')
    open('boot 4')
    const [first, second, third, fourth] = ids
    expect(first).toMatch(/^[0-9a-f]{32}$/)
    expect([second, fourth]).toEqual([first, third])
    expect(third).not.toBe(first)
  })

  test.each([
    ['emptied', () => 0],
    ['cut by 3,000 bytes', (size: number) => size - 3000],
  ])('whose WAL was %s is missed by its high-water mark, once', async (_, left) => {
    using directory = temporaryDirectory()
    const acknowledged = await appendAndKill(directory.path, 20)
    setMark(directory.path, acknowledged)
    const wal = join(directory.path, 'codesdkd.db-wal')
    // Everything behind the last acknowledged commit may go without a loss; cut so deep that the mark is not reached.
    const frames = Math.floor((statSync(wal).size - 32) / 4120)
    truncateSync(wal, left(32 + Math.min(frames, 20) * 4120))
    let logId: string
    {
      using storage = openSample(directory.path)
      const { log } = storage
      expect(log.gap).toEqual({ expected: acknowledged, found: log.lastCursor() })
      expect(log.lastCursor()).toBeLessThan(acknowledged)
      expect(log.read('s', 0, 1000)).toHaveLength(log.lastSeq('s'))
      logId = log.logId
    }
    using storage = openSample(directory.path)
    expect(storage.log.gap).toBeNull()
    expect(storage.log.logId).toBe(logId)
  })

  test('with a damaged page is noticed at the next start, which changes nothing', async () => {
    using directory = temporaryDirectory()
    {
      using storage = openSample(directory.path)
      for (let seq = 1; seq <= 300; seq++) await storage.log.append(sampleAppend('s', seq))
    }
    await appendAndKill(directory.path, 1)
    const file = join(directory.path, 'codesdkd.db')
    const pages = readFileSync(file)
    const start = pages.indexOf(sampleEvent('s', 150).json)
    const page = start - (start % 4096)
    writeFileSync(file, pages.fill(0, page, page + 4096))
    const logFiles = () => readdirSync(directory.path).filter((name) => name.startsWith('codesdkd.db'))
    const contents = () => logFiles().map((name) => [name, readFileSync(join(directory.path, name), 'hex')])
    const before = contents()
    expect(before).toHaveLength(2)
    expect(() => openSample(directory.path)).toThrow(
      expect.objectContaining({ code: 'database_corrupt', message: expect.stringContaining(file) }),
    )
    expect(contents()).toEqual(before)
  })
})

test('a log behind its mark takes another name, one that only lost its mark does not', async () => {
  using directory = temporaryDirectory()
  const open = () => {
    using storage = openSample(directory.path)
    return { id: storage.log.logId, gap: storage.log.gap }
  }
  const { id } = open()
  writeFileSync(join(directory.path, 'hwm.json'), 'null')
  expect(open()).toEqual({ id, gap: null })
  writeFileSync(join(directory.path, 'hwm.json'), '{"cursor":')
  expect(open()).toEqual({ id, gap: null })
  setMark(directory.path, 7)
  const after = open()
  expect(after.gap).toEqual({ expected: 7, found: 0 })
  expect(after.id).not.toBe(id)
})

test('a clean stop leaves everything in one file, and the mark at its end', async () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path)
    await storage.log.append(sampleAppend('s', 1, 9))
  }
  expect(statSync(join(directory.path, 'codesdkd.db-wal'), { throwIfNoEntry: false })).toBeUndefined()
  expect(JSON.parse(readFileSync(join(directory.path, 'hwm.json'), 'utf8'))).toEqual({ cursor: 9 })
})
