import { writeFileSync } from 'node:fs'

/** Loaded before a daemon's own program (`node --expose-gc --import`): on SIGUSR2 it writes how many bytes of its heap live into LIVE_HEAP. */
const file = process.env['LIVE_HEAP'] ?? ''
delete process.env['LIVE_HEAP']

process.on('SIGUSR2', () => {
  globalThis.gc?.()
  writeFileSync(file, String(process.memoryUsage().heapUsed))
})
