// Appends to session `s` of the data directory, from where it stands, and says so after every commit. Then waits to be killed.
import { writeSync } from 'node:fs'
import { openSample, sampleAppend } from './samples.ts'

const [path = '', rounds = ''] = process.argv.slice(2)
const { log } = openSample(path)
let seq = log.lastSeq('s')
for (let round = 1; round <= Number(rounds); round++) {
  const several = Array.from({ length: 1 + (round % 5) }, () => {
    seq += 1
    return log.append(sampleAppend('s', seq, seq, { durability: round % 3 === 0 ? 'synced' : 'lazy' }))
  })
  await Promise.all(several)
  writeSync(1, `${seq}\n`)
}
// A storage that nothing refers to would be collected, and closed as if it had stopped cleanly.
setInterval(() => log, 60_000)
