// Writes the session `original` into the data directory and copies it as `fork`, and says how far it is. Then waits to be killed.
import { writeSync } from 'node:fs'
import { sampleRecord } from '../../core/testing/record.ts'
import { openSample, sampleAppend, sampleEvent } from './samples.ts'

const [path = '', events = ''] = process.argv.slice(2)
const count = Number(events)
const { log } = openSample(path)
await log.append(sampleAppend('original', 1, count, { durability: 'synced' }))
const copy = log.copy(sampleRecord('fork'))
writeSync(1, 'begun\n')
for (let seq = 2; seq <= count; seq++) {
  copy.add([sampleEvent('fork', seq)])
  if (seq === count / 2) writeSync(1, 'half\n')
  await new Promise((resolve) => setTimeout(resolve, 1))
}
copy.publish([sampleEvent('fork', 1), sampleEvent('fork', count + 1)], { seq: count, runtimeSessionId: null, transcript: [] })
writeSync(1, 'published\n')
setInterval(() => copy, 60_000)
