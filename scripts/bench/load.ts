import type { Followed, LoadAnswer, LoadMessage, Order, Paged, Replayed, Requested, ShortReading } from './load-order.ts'
import { PlainConnection } from './plain-connection.ts'
import { quantile } from './statistics.ts'
import { StreamReader, type Reading } from './stream-reader.ts'

/** The load, in a process of its own: takes one order at a time from the process that has forked it. */

const send = (message: LoadMessage): void => void process.send?.(message)

process.on('message', (order: Order) => {
  void run(order).then(send, (error: unknown) => send({ kind: 'failed', message: String(error) }))
})
process.on('disconnect', () => process.exit())

function run(order: Order): Promise<LoadAnswer> {
  switch (order.kind) {
    case 'follow':
      return follow(order)
    case 'replay':
      return replay(order)
    case 'pages':
      return readPages(order)
    case 'requests':
      return request(order)
    default:
      return order satisfies never
  }
}

const toRequest = (port: number, path: string) => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`

async function follow({ port, streams }: Extract<Order, { kind: 'follow' }>): Promise<Followed> {
  const readers: StreamReader[] = []
  // So many at once that no backlog of a listening socket overflows.
  for (let at = 0; at < streams.length; at += 100) {
    const batch = streams
      .slice(at, at + 100)
      .map(({ path, mode }) => new StreamReader({ port, request: toRequest(port, path), mode, until: 'task' }))
    readers.push(...batch)
    await Promise.all(batch.map((reader) => reader.ready))
  }
  const busy = startBusy()
  send({ kind: 'ready' })
  const readings = await Promise.all(readers.map((reader) => reader.ended))
  const latencies = readings.flatMap((reading) => reading.latencies).toSorted((a, b) => a - b)
  return { kind: 'followed', readings: readings.map(toShort), p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), busy: busy() }
}

async function replay({ port, paths, mode, raw }: Extract<Order, { kind: 'replay' }>): Promise<Replayed> {
  const busy = startBusy()
  const begun = performance.now()
  const readers = paths.map(
    (path) => new StreamReader({ port, request: raw ? `${path}\n` : toRequest(port, path), mode, until: 'caught_up' }),
  )
  const readings = await Promise.all(readers.map((reader) => reader.ended))
  return { kind: 'replayed', readings: readings.map(toShort), milliseconds: performance.now() - begun, busy: busy() }
}

async function readPages({ port, path, limit }: Extract<Order, { kind: 'pages' }>): Promise<Paged> {
  using connection = await PlainConnection.open(port)
  const busy = startBusy()
  const begun = performance.now()
  let pages = 0
  for (let after = 0; ;) {
    const { status, body } = await connection.request('GET', `${path}?after_seq=${after}&limit=${limit}`)
    if (status !== 200) throw new Error(`${path}: ${status}`)
    pages += 1
    const [, next = '', more] =
      /"next_seq":(\d+),"has_more":(true|false)\}$/.exec(body.toString('latin1', Math.max(0, body.length - 80))) ?? []
    if (more !== 'true') return { kind: 'paged', pages, lastSeq: Number(next), milliseconds: performance.now() - begun, busy: busy() }
    after = Number(next)
  }
}

async function request({ port, path, connections, milliseconds }: Extract<Order, { kind: 'requests' }>): Promise<Requested> {
  const open = await Promise.all(Array.from({ length: connections }, () => PlainConnection.open(port)))
  const busy = startBusy()
  const begun = performance.now()
  const times: number[] = []
  const work = open.map(async (connection) => {
    while (performance.now() - begun < milliseconds) {
      const asked = performance.now()
      const { status } = await connection.request('GET', path)
      if (status !== 200) throw new Error(`${path}: ${status}`)
      times.push(performance.now() - asked)
    }
  })
  await Promise.all(work)
  const took = performance.now() - begun
  for (const connection of open) connection[Symbol.dispose]()
  const sorted = times.toSorted((a, b) => a - b)
  return {
    kind: 'requested',
    requests: times.length,
    milliseconds: took,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    busy: busy(),
  }
}

function toShort({ bytes, events, complete, firstWritten, ended }: Reading): ShortReading {
  return { bytes, events, complete, firstWritten, ended }
}

function startBusy(): () => number {
  const begun = { time: performance.now(), cpu: process.cpuUsage() }
  return () => {
    const { user, system } = process.cpuUsage(begun.cpu)
    return (user + system) / 1000 / (performance.now() - begun.time)
  }
}
