// Holds the data directory until it is killed.
import { writeSync } from 'node:fs'
import { openSample } from './samples.ts'

const [path = ''] = process.argv.slice(2)
const storage = openSample(path)
writeSync(1, 'held\n')
// A storage that nothing refers to would be collected, and its lock with it.
setInterval(() => storage, 60_000)
