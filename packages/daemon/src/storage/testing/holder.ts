// Holds the data directory until it is killed.
import { writeSync } from 'node:fs'
import { openSample } from './samples.ts'

const [path = ''] = process.argv.slice(2)
openSample(path)
writeSync(1, 'held\n')
setInterval(() => {}, 60_000)
