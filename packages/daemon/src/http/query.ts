import * as z from 'zod'
import { Problem } from '@codesdkd/protocol'

/** The parameters that a route knows. Unknown ones are ignored; a known one that occurs twice is ambiguous and refused. */
export function parseQuery(query: string, names: readonly string[]): Record<string, string> {
  const given = new URLSearchParams(query)
  return Object.fromEntries(
    names.flatMap((name) => {
      const values = given.getAll(name)
      if (values.length > 1) throw new Problem('invalid_request', `${name} must occur once.`, { members: { field: name } })
      return values.map((value) => [name, value] as const)
    }),
  )
}

/** A plain decimal integer: no sign, no fraction, no exponent, and exactly representable. */
export function plainInteger(options: { readonly min: number }) {
  return z
    .string()
    .regex(/^[0-9]{1,16}$/, 'must be a plain integer')
    .transform(Number)
    .refine((value) => value >= options.min && Number.isSafeInteger(value), `must be an integer of at least ${options.min}`)
    .meta({ override: { type: 'integer', minimum: options.min } })
}

/** A page size: values above `max` are clamped to it. */
export function pageSize(options: { readonly fallback: number; readonly max: number }) {
  return plainInteger({ min: 1 })
    .transform((value) => Math.min(value, options.max))
    .default(options.fallback)
    .meta({
      description: `At most ${options.max}; more is read as ${options.max}.`,
      override: { type: 'integer', minimum: 1, default: options.fallback },
    })
}

/** The parameters of every paged list. */
export const paging = {
  after: z.string().optional().describe('cursor: the last id of the page before'),
  limit: pageSize({ fallback: 100, max: 500 }),
}
