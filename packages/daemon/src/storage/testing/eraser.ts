// Writes the sessions `kept` and `gone` into the data directory if there are none, says so, and deletes `gone`. Then waits to be killed.
import { writeSync } from 'node:fs'
import { openSample, sampleAppend } from './samples.ts'

const [path = '', events = ''] = process.argv.slice(2)
const storage = openSample(path)
const { log, artifacts } = storage
for (const id of ['kept', 'gone']) {
  if (log.lastSeq(id) > 0) continue
  artifacts.put(id, 'of both', { contentType: 'text/plain' })
  for (let index = 0; index < 70; index++) artifacts.put(id, `${index} of ${id} alone`, { contentType: 'text/plain' })
  await log.append(sampleAppend(id, 1, Number(events), { durability: 'synced' }))
}
writeSync(1, 'written\n')
log.discard('gone')
writeSync(1, 'discarded\n')
await storage.erase('gone', new AbortController().signal)
writeSync(1, 'erased\n')
setInterval(() => storage, 60_000)
