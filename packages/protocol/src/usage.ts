import * as z from 'zod'

const tokens = z.int().nonnegative().nullable()

/** Tokens and cost of one model call or one task. What is not known is null, never 0. */
export const usage = z
  .object({
    input_tokens: tokens,
    output_tokens: tokens,
    cached_input_tokens: tokens.optional(),
    reasoning_tokens: tokens.optional(),
    cost_usd: z.number().nonnegative().nullable().optional(),
  })
  .meta({ id: 'Usage' })
export type Usage = z.infer<typeof usage>

/** Sums two usages; a sum of which one part is unknown is that of the known part, and null only when nothing is known. */
export function addUsage(a: Usage | null, b: Usage): Usage {
  if (a === null) return b
  return {
    input_tokens: add(a.input_tokens, b.input_tokens),
    output_tokens: add(a.output_tokens, b.output_tokens),
    cached_input_tokens: add(a.cached_input_tokens, b.cached_input_tokens),
    reasoning_tokens: add(a.reasoning_tokens, b.reasoning_tokens),
    cost_usd: add(a.cost_usd, b.cost_usd),
  }
}

function add(a: number | null | undefined, b: number | null | undefined): number | null {
  if (a == null) return b ?? null
  return b == null ? a : a + b
}
