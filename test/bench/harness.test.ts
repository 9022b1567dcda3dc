import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { toResults, toTable } from '../../scripts/bench/report.ts'
import { runScenario } from '../../scripts/bench/run.ts'
import type { Row, Scenario } from '../../scripts/bench/scenario.ts'
import { scenarios } from '../../scripts/bench/scenarios.ts'
import { quantile, toSpread } from '../../scripts/bench/statistics.ts'
import { StreamReader, type ReaderOptions, type Reading } from '../../scripts/bench/stream-reader.ts'
import { toBarPlot, toLinePlot } from '../../scripts/bench/svg.ts'

const find = (id: string): Scenario => scenarios.find((one) => one.id === id) ?? expect.fail(`there is no ${id}`)

describe('a run', () => {
  it.each(['sse-1', 'latency-1', 'replay-sse', 'replay-pages'])('of %s gives a figure of each row for both servers', async (id) => {
    const scenario = find(id)
    const { runs } = await runScenario(scenario, { runs: 1, scale: 0.005, walled: false, say: () => {} })
    for (const side of scenario.sides)
      for (const { figure } of scenario.rows) expect([side, figure, runs[side]?.[0]?.[figure]]).toEqual([side, figure, expect.any(Number)])
    const withGoal = toResults([scenario], [{ id, runs, notes: [] }]).filter(({ reached }) => reached !== null)
    expect(withGoal.map(({ value }) => Number.isFinite(value.median))).toEqual(withGoal.map(() => true))
  })

  it('has every scenario once, with sides and figures of its own', () => {
    expect(new Set(scenarios.map(({ id }) => id)).size).toBe(scenarios.length)
    for (const { rows, sides, growth = [] } of scenarios) {
      expect(rows.length + growth.length).toBeGreaterThan(0)
      expect(new Set(sides).size).toBe(sides.length)
      if (rows.some(({ of }) => of !== 'first')) expect(sides.length).toBe(2)
    }
  })
})

/** Serves these pieces, each as a write of its own, once somebody has connected. */
async function readAll(pieces: readonly string[], options: Pick<ReaderOptions, 'mode' | 'until'>): Promise<Reading> {
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const write = (at: number): void => void (at < pieces.length && socket.write(pieces[at] ?? '', () => write(at + 1)))
    write(0)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reader = new StreamReader({ port: (server.address() as AddressInfo).port, request: 'any', ...options })
  try {
    await reader.ready.catch(() => {})
    return await reader.ended
  } finally {
    reader.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const caughtUp = 'event: caught_up\ndata: {}\n\n'
const delta = (seq: number) => `id: ${seq}\ndata: {"type":"model.output.delta","payload":{"delta":"@1000@words"}}\n\n`
const end = (seq: number) => `id: ${seq}\ndata: {"type":"task.completed","payload":{}}\n\n`
const stream = (seqs: readonly number[]) =>
  head + chunk(caughtUp) + seqs.map((seq) => chunk(delta(seq))).join('') + chunk(end((seqs.at(-1) ?? 0) + 1))

describe('a reader', () => {
  it.each([1, 2, 7, 64, 10_000])('reads the same from pieces of %i bytes, whether it looks at frames or counts', async (size) => {
    const text = stream([5, 6, 7])
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))
    const parsed = await readAll(pieces, { mode: 'parse', until: 'task' })
    const counted = await readAll(pieces, { mode: 'count', until: 'task' })
    expect(parsed).toMatchObject({ events: 4, complete: true, firstWritten: 1000 })
    expect(parsed.latencies.length).toBe(3)
    expect(counted.bytes).toBe([delta(5), delta(6), delta(7), end(8)].join('').length)
    expect(parsed.bytes).toBe(counted.bytes)
  })

  it.each([
    ['lost', [1, 2, 4]],
    ['doubled', [1, 2, 2]],
    ['out of order', [1, 3, 2]],
  ])('notices an event that is %s', async (_what, seqs) => {
    expect((await readAll([stream(seqs)], { mode: 'parse', until: 'task' })).complete).toBe(false)
  })

  it('fails when it is refused', async () => {
    await expect(readAll(['HTTP/1.1 429 Too Many Requests\r\n\r\n'], { mode: 'count', until: 'task' })).rejects.toThrow('429')
  })
})

describe('a report', () => {
  const row = (more: Partial<Row>): Row => ({ figure: 'figure', what: 'what', of: 'ratio', unit: 'ms', ...more })
  const judge = (rows: readonly Row[]) => {
    const scenario: Scenario = { id: 'one', what: 'it', sides: ['daemon', 'ceiling'], rows, run: () => expect.fail('is not run') }
    const runs = { daemon: [2, 4, 9].map((figure) => ({ figure })), ceiling: [4, 4, 4].map((figure) => ({ figure })) }
    return toResults([scenario], [{ id: 'one', runs, notes: [] }])
  }

  it.each([
    [row({ atLeast: 1 }), true],
    [row({ atLeast: 1.01 }), false],
    [row({ atMost: 1 }), true],
    [row({ atMost: 0.99 }), false],
    [row({ of: 'first', atMost: 4 }), true],
    [row({ of: 'difference', atMost: 0 }), true],
    [row({ of: 'difference', atMost: -1 }), false],
    [row({}), null],
  ])('holds the median of the runs against the goal: %o', (one, reached) => {
    expect(judge([one])[0]?.reached).toBe(reached)
  })

  it('is a table that names goal, median and spread', () => {
    expect(toTable(judge([row({ atLeast: 0.7 })]))).toContain('| one | it: what | ≥ 0.7 | 1 × ceiling | 0.5 … 2.25 | yes |')
  })

  it('knows the middle and the ends of several runs', () => {
    expect(toSpread([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
    expect(toSpread([4, 1])).toEqual({ median: 2.5, least: 1, most: 4 })
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9)
  })

  it('draws what it was given', () => {
    const y = { median: 2, least: 1, most: 3 }
    const line = toLinePlot({ title: 'Cost <of> one', x: 'events', unit: 'µs', points: [10, 1000].map((x) => ({ x, y })) })
    expect(line.match(/<circle/g)?.length).toBe(2)
    expect(line).toContain('Cost &lt;of&gt; one')
    const bars = toBarPlot('Goals', [
      { name: 'good', value: y, goal: 1, least: true },
      { name: 'bad', value: y, goal: 1, least: false },
    ])
    expect(new Set(bars.match(/<rect[^>]*fill="[^"]*"/g)?.map((rect) => rect.slice(rect.indexOf('fill')))).size).toBe(2)
    expect(line + bars).not.toMatch(/NaN|Infinity|undefined/)
  })
})
