/** Records the examples of the OpenAPI document anew: a real daemon, a real agent, the offline model. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordExamples } from '../test/openapi/record.ts'

const file = join(import.meta.dirname, '../packages/daemon/src/http/examples.json')
await writeFile(file, `${JSON.stringify(await recordExamples(), null, 2)}\n`)
