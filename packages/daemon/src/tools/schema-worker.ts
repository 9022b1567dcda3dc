import { parentPort } from 'node:worker_threads'
import { Ajv2020 } from 'ajv/dist/2020.js'

/** One check, as `schema-check.ts` sends it; both as JSON. */
export interface SchemaTask {
  readonly schema: string
  readonly value: string
}

/** Once `ready`; then for each task `compiled` or `unusable`, and what was found. */
export type SchemaNews =
  | { readonly kind: 'ready' | 'compiled' }
  | { readonly kind: 'unusable'; readonly reason: string }
  | { readonly kind: 'checked'; readonly faults: readonly string[] }

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const say = (news: SchemaNews) => parentPort?.postMessage(news)

// Of a thread that may be ended at any moment: what runs for ever here stops nobody else.
parentPort?.on('message', ({ schema, value }: SchemaTask) => {
  let validate
  try {
    const ajv = new Ajv2020({ strict: false, validateFormats: false, meta: false, validateSchema: false, inlineRefs: false })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was sent was an object
    validate = ajv.compile(JSON.parse(schema) as object)
  } catch (error) {
    say({ kind: 'unusable', reason: toReason(error) })
    return
  }
  say({ kind: 'compiled' })
  try {
    const errors = validate(JSON.parse(value)) ? [] : (validate.errors ?? [])
    const faults = errors.map(({ instancePath, message }) =>
      `${instancePath === '' ? 'it' : instancePath.slice(1)} ${message ?? 'is not valid'}`.slice(0, 500),
    )
    say({ kind: 'checked', faults: faults.slice(0, 20) })
  } catch {
    // A reference to itself that never gets anywhere ends here.
    say({ kind: 'checked', faults: ['it could not be checked: the schema goes round in circles'] })
  }
})

say({ kind: 'ready' })

function toReason(error: unknown): string {
  if (error instanceof RangeError) return 'the schema goes round in circles'
  return (error instanceof Error ? error.message : String(error)).slice(0, 500)
}
