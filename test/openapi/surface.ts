import type { JsonSchema, OpenApi } from './document.ts'

/** What programs have come to rely on: one line for each operation, parameter, field, value and code, with what is known of its type. */
export type Surface = Readonly<Record<string, string>>

/** The surface of a document. Fields stand below the schema that names them; schemas without a name below the place where they stand. */
export function toSurface({ paths, components }: OpenApi): Surface {
  const surface: Record<string, string> = {}
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { operationId, parameters = [], requestBody, responses }] of Object.entries(methods)) {
      const place = `${method.toUpperCase()} ${path}`
      surface[place] = operationId
      for (const { name, in: where, required = false, schema } of parameters) {
        surface[`${place} ${where} ${name}`] = required ? 'required' : 'optional'
        addSchema(surface, `${place} ${where} ${name}`, schema)
      }
      for (const [type, { schema }] of Object.entries(requestBody?.content ?? {}))
        addSchema(surface, `${place} sends ${type}`, schema, true)
      for (const [status, { content = {} }] of Object.entries(responses)) {
        surface[`${place} ${status}`] = 'answer'
        for (const [type, { schema }] of Object.entries(content)) addSchema(surface, `${place} ${status} ${type}`, schema)
      }
    }
  }
  for (const [name, schema] of Object.entries(components.schemas))
    addSchema(surface, name, schema, /^(Create|Update|Approve|Deny|Stop|Mint|Upload|Answer|Fork|HandOff|Step).*/.test(name))
  return surface
}

/** In what is sent, a field that becomes required breaks whoever left it out; in an answer, one that is no longer there for sure. */
function addSchema(surface: Record<string, string>, place: string, schema: JsonSchema | undefined, sent = false): void {
  if (schema === undefined) return
  if (schema.$ref !== undefined) {
    surface[`${place}:`] = schema.$ref.split('/').at(-1) ?? ''
    return
  }
  if (schema.type !== undefined) surface[`${place}:`] = [schema.type].flat().join(' | ')
  for (const value of schema.enum ?? []) surface[`${place} = ${JSON.stringify(value)}`] = 'value'
  const branches = schema.anyOf ?? schema.oneOf ?? []
  for (const branch of branches) {
    const discriminator = branch.properties?.['type']?.const
    addSchema(surface, `${place} | ${branch.$ref?.split('/').at(-1) ?? JSON.stringify(discriminator ?? branch.type)}`, branch, sent)
  }
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    surface[`${place}.${name}`] = schema.required?.includes(name) === true ? (sent ? 'must be sent' : 'always there') : 'may be missing'
    addSchema(surface, `${place}.${name}`, field, sent)
  }
  if (schema.items !== undefined) addSchema(surface, `${place}[]`, schema.items, sent)
}

/** What a program of yesterday misses today. New things break nobody, except what must be sent from now on. */
export function findBreaks(released: Surface, now: Surface): readonly string[] {
  const gone = Object.entries(released).flatMap(([place, was]) => {
    const is = now[place]
    if (is === undefined) return [`${place} is gone`]
    return is === was || isLooser(was, is) ? [] : [`${place} was ${was} and is ${is}`]
  })
  const demanded = Object.entries(now).flatMap(([place, is]) =>
    released[place] === undefined && (is === 'must be sent' || is === 'required') && isOld(place, released)
      ? [`${place} must be sent now`]
      : [],
  )
  return [...gone, ...demanded]
}

/** What may be left out from now on, and what is always there from now on, breaks nobody. */
function isLooser(was: string, is: string): boolean {
  return (
    (was === 'must be sent' && is === 'may be missing') ||
    (was === 'may be missing' && is === 'always there') ||
    (was === 'required' && is === 'optional')
  )
}

/** Whether what the field or parameter belongs to was there before. */
function isOld(place: string, released: Surface): boolean {
  const owner = place.replace(/( path| query| header) [\w-]+$/, '').replace(/\.\w+$/, '')
  return owner !== place && Object.keys(released).some((known) => known === owner || known.startsWith(`${owner}.`))
}
