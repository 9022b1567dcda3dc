import { isDeepStrictEqual } from 'node:util'
import { Problem } from '@codesdkd/protocol'
import type { JsonObject } from './body.ts'

export interface Recased {
  /** The known fields, under their snake_case names. Values are as they came: only the names of fields are re-cased. */
  readonly fields: JsonObject
  /** Names that no field has, as they were sent. */
  readonly ignored: readonly string[]
}

/** `credential_namespace` -> `credentialNamespace`. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
}

/** Reads fields under either spelling. Throws `Problem('invalid_request')` when both are given with different values. */
export function toSnakeCase(body: JsonObject, names: readonly string[]): Recased {
  const spellings = new Map(
    names.flatMap(
      (name) =>
        [
          [name, name],
          [toCamelCase(name), name],
        ] as const,
    ),
  )
  const fields = new Map<string, unknown>()
  const ignored: string[] = []
  for (const [key, value] of Object.entries(body)) {
    const name = spellings.get(key)
    if (name === undefined) ignored.push(key)
    else if (fields.has(name) && !isDeepStrictEqual(fields.get(name), value)) {
      throw new Problem('invalid_request', `${name} and ${toCamelCase(name)} are the same field and differ.`, { members: { field: name } })
    } else fields.set(name, value)
  }
  return { fields: Object.fromEntries(fields), ignored }
}
