/** Writes down the surface of the API as it is released: from then on nothing of it may disappear. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readDocument } from '../test/openapi/document.ts'
import { toSurface } from '../test/openapi/surface.ts'

const file = join(import.meta.dirname, '../test/openapi/released.json')
await writeFile(file, `${JSON.stringify(toSurface(readDocument()), null, 0).replaceAll('","', '",\n"')}\n`)
