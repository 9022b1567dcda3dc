import * as z from 'zod'
import type { JsonSchema } from '@codesdkd/protocol'

/** What the provider documents for its strict mode; smaller than what it takes, so that it refuses none. */
const DEPTH_LIMIT = 5
const PROPERTY_LIMIT = 100
const keywords: ReadonlySet<string> = new Set(['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'anyOf'])
const remarks: ReadonlySet<string> = new Set(['title', 'description'])

const names = z.array(z.string())
const objects = z.record(z.string(), z.record(z.string(), z.unknown()))

/**
 * Whether the model's provider takes the schema as one that answers are held to: objects name all of their properties as required and
 * allow no others. It refuses the whole request for any other schema.
 */
export function isStrictSchema(schema: JsonSchema): boolean {
  const root = withoutDialect(schema)
  return root['type'] === 'object' && isStrict(root, 1) && countProperties(root) <= PROPERTY_LIMIT
}

/** The schema as the provider takes it: which dialect it is in, it does not want to hear. */
export function withoutDialect({ $schema: _dialect, ...schema }: JsonSchema): JsonSchema {
  return schema
}

function isStrict(schema: JsonSchema, depth: number): boolean {
  if (depth > DEPTH_LIMIT) return false
  if (!Object.keys(schema).every((key) => keywords.has(key) || remarks.has(key))) return false
  const { type, properties, required, additionalProperties, items, anyOf } = schema
  const isObject = type === 'object' || (Array.isArray(type) && type.includes('object'))
  if (isObject ? additionalProperties !== false : properties !== undefined) return false
  const fields = isObject ? objects.safeParse(properties).data : {}
  const demanded = isObject ? names.safeParse(required).data : []
  const choices = anyOf === undefined ? [] : z.array(z.record(z.string(), z.unknown())).safeParse(anyOf).data
  const members = items === undefined ? [] : z.tuple([z.record(z.string(), z.unknown())]).safeParse([items]).data
  if (fields === undefined || demanded === undefined || choices === undefined || members === undefined) return false
  const all = new Set(demanded)
  if (!Object.keys(fields).every((name) => all.has(name))) return false
  return [...Object.values(fields), ...choices, ...members].every((part) => isStrict(part, depth + 1))
}

function countProperties(part: unknown): number {
  if (typeof part !== 'object' || part === null) return 0
  const own = 'properties' in part && typeof part.properties === 'object' ? Object.keys(part.properties ?? {}).length : 0
  return own + Object.values(part).reduce((sum: number, one) => sum + countProperties(one), 0)
}
