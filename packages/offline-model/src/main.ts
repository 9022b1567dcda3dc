import { parseArgs } from 'node:util'
import { startOfflineModel } from './offline-model.ts'
import { readScenarioFile } from './scenario.ts'

const usage = 'usage: main.ts --scenario <file.json> [--port <number>] [--host <address>]'

try {
  const { values } = parseArgs({
    options: { scenario: { type: 'string' }, port: { type: 'string', default: '0' }, host: { type: 'string' } },
  })
  if (values.scenario === undefined) throw new Error(usage)
  const model = await startOfflineModel({ ...(await readScenarioFile(values.scenario)), host: values.host, port: Number(values.port) })
  // Nothing else keeps the process alive, so it ends by itself once the server is closed.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void model[Symbol.asyncDispose]())
  process.stdout.write(`${JSON.stringify({ url: model.url })}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
