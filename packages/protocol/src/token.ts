import * as z from 'zod'

/** What a token may do. Each route needs exactly one of them. */
export const verbs = [
  'daemon:read',
  'runtimes:read',
  'runtimes:verify',
  'sessions:read',
  'sessions:write',
  'events:read',
  'tasks:read',
  'tasks:write',
  'approvals:read',
  'approvals:decide',
  'questions:read',
  'questions:answer',
  'tools:answer',
  'artifacts:read',
  'artifacts:write',
  'bundles:read',
  'tokens:mint',
] as const

export const verb = z.enum(verbs).meta({ id: 'Verb' })
export type Verb = z.infer<typeof verb>

const groups = [...new Set(verbs.map((one) => `${one.split(':')[0] ?? one}:*` as const))]

/** A verb, all verbs of a group (`events:*`), or all of them (`*`). */
export const verbPattern = z.enum([...verbs, ...groups, '*']).meta({ id: 'VerbPattern' })
export type VerbPattern = z.infer<typeof verbPattern>

/** The verbs that patterns mean. */
export function toVerbs(patterns: readonly VerbPattern[]): ReadonlySet<Verb> {
  return new Set(
    verbs.filter((one) => patterns.some((pattern) => pattern === '*' || pattern === one || pattern === `${one.split(':')[0]}:*`)),
  )
}

/** Body of `POST /tokens`. */
export const mintToken = z
  .object({
    sessions: z
      .array(z.string().min(1).max(128))
      .min(1)
      .max(100)
      .optional()
      .describe('only these sessions; without it, all that the minter may see'),
    verbs: z
      .array(verbPattern)
      .min(1)
      .max(verbs.length)
      .describe('what the token may do, of what the minter may; `*` is all but `tokens:mint`'),
    ttl_s: z.int().min(1).max(86_400).default(900).describe('seconds until it expires'),
  })
  .meta({ id: 'MintToken' })
export type MintToken = z.infer<typeof mintToken>

export const mintedToken = z
  .object({
    token_id: z.string(),
    token: z.string().describe('told only here'),
    sessions: z.array(z.string()).nullable().describe('null: all that the minter may see'),
    verbs: z.array(verb),
    expires_at: z.string(),
  })
  .meta({ id: 'MintedToken' })
export type MintedToken = z.infer<typeof mintedToken>
