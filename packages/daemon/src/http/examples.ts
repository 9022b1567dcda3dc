import { readFileSync } from 'node:fs'

/** Operation id -> what was sent and answered once, as `npm run examples` has recorded it from a real daemon. */
export type Examples = Readonly<Record<string, { readonly request?: unknown; readonly answer: unknown }>>

/** Read only when somebody asks for the document: it is large, and of no use to anybody else. */
export function readExamples(): Examples {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of this package
  return JSON.parse(readFileSync(new URL('./examples.json', import.meta.url), 'utf8')) as Examples
}
