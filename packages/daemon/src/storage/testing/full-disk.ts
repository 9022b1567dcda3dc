// On a small disk of its own: fills it, appends until even the reserve is used up, makes room again, and reports what became of it all.
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openSample, sampleAppend } from './samples.ts'

const [mountPoint = ''] = process.argv.slice(2)
const filler = join(mountPoint, 'filler')
const ballast = join(mountPoint, 'data', 'ballast')
const failures: (string | null)[] = []
const healthy = Promise.withResolvers<void>()
// The log's own timers do not keep a process alive.
const alive = setInterval(() => {}, 60_000)
using storage = openSample(join(mountPoint, 'data'), {
  onFailure(failure) {
    failures.push(failure?.message ?? null)
    if (failure === null) healthy.resolve()
  },
})
const { log } = storage
const ballastAtFirst = existsSync(ballast)
await log.append(sampleAppend('s', 1, 1, { durability: 'synced' }))

const file = openSync(filler, 'w')
try {
  for (let pages = 0; pages < 100_000; pages++) writeSync(file, Buffer.alloc(4096, 1))
} catch {
  // Full, as intended.
}
closeSync(file)

// One after the other, until the reserve was given away.
let seq = 1
while (log.writable && seq < 10_000) await log.append(sampleAppend('s', ++seq, seq, { durability: 'synced' }))
const written = log.lastSeq('s')
const ballastWhenFull = existsSync(ballast)

// More than the reserve holds: these must wait, in order, until there is room.
const large = 'x'.repeat(200_000)
const waiting = Array.from({ length: 20 }, () => {
  seq += 1
  return log.append({
    ...sampleAppend('s', seq),
    events: [{ sessionId: 's', seq, type: 'runtime.notice', json: JSON.stringify({ seq, large }) }],
  })
})
const stuck = await Promise.race([Promise.all(waiting).then(() => false), new Promise((resolve) => setTimeout(resolve, 1000, true))])
const readable = log.read('s', 0, 10_000).length >= written
rmSync(filler)
await Promise.all(waiting)
await healthy.promise

const seqs: number[] = []
for (let page = log.read('s', 0, 10_000); page.length > 0; page = log.read('s', seqs.length, 10_000))
  seqs.push(...page.map((event) => event.seq))
clearInterval(alive)
const gapless = seqs.length === seq && seqs.every((number, index) => number === index + 1)
const report = {
  ballastAtFirst,
  ballastWhenFull,
  written,
  stuck,
  readable,
  gapless,
  failures,
  writable: log.writable,
  ballastAtLast: existsSync(ballast),
}
writeSync(1, `${JSON.stringify(report)}\n`)
