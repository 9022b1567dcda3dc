import * as z from 'zod'
import { toSnakeCase } from './casing.ts'

/**
 * Reads the fields of objects inside a value under either spelling, as the schema knows them: those of a list's items and of a union's
 * options too. What the schema leaves open (records, any value) stays as it came, so that no name of somebody else is ever changed. Throws
 * `Problem('invalid_request')` where both spellings of a field differ.
 */
export function recase(schema: z.core.$ZodType | undefined, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || schema === undefined) return value
  const options = optionsOf(schema)
  if (Array.isArray(value)) {
    const list = options.find((option) => option instanceof z.ZodArray)
    return list === undefined ? value : value.map((item) => recase(list.element, item))
  }
  if (options.some((option) => option instanceof z.ZodRecord)) return value
  const objects = options.filter((option) => option instanceof z.ZodObject)
  return objects.length === 0 ? value : recaseObject(objects, { ...value })
}

function recaseObject(objects: readonly z.ZodObject[], value: Readonly<Record<string, unknown>>): unknown {
  // Of a field that more than one option has, the first option says what is inside.
  const shape = new Map(objects.toReversed().flatMap((one) => Object.entries(one.shape)))
  const { fields, ignored } = toSnakeCase(value, [...shape.keys()])
  const known = Object.entries(fields).map(([name, field]) => [name, recase(shape.get(name), field)] as const)
  return Object.fromEntries([...known, ...ignored.map((name) => [name, value[name]] as const)])
}

/** What a value may be: wrappers taken off, unions taken apart. */
function optionsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(optionsOf)
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return optionsOf(schema.unwrap())
  return [schema]
}
