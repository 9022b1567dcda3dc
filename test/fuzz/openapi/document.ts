import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/** What of an OpenAPI document the requests and the checks are made from. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

export interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly schema: JsonSchema
}

interface Described {
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>
}

export interface Operation {
  readonly method: string
  readonly path: string
  readonly operationId: string
  readonly parameters: readonly Parameter[]
  readonly body: JsonSchema | null
  readonly responses: Readonly<Record<string, Described>>
}

export interface ApiDocument {
  readonly operations: readonly Operation[]
  /** The schema that a local reference names. */
  resolve(reference: string): JsonSchema
  /** The operation that a request reaches, whatever its method in capital letters; `HEAD` reaches what `GET` does. */
  find(method: string, path: string): Operation | undefined
  /** True when some operation has this path. */
  knows(path: string): boolean
  /** The check of one answer; null where the document gives no schema. */
  answer(operation: Operation, status: number, media: string): ValidateFunction | null
  /** The check of an event by its type; null for a type that the document does not know. */
  event(type: string): ValidateFunction | null
}

interface Source {
  readonly paths: Readonly<Record<string, Readonly<Record<string, SourceOperation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

interface SourceOperation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Described
  readonly responses: Readonly<Record<string, Described>>
}

/** Reads the document as the daemon serves it. */
export function readDocument(source: Source): ApiDocument {
  const operations = Object.entries(source.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): Operation => ({
      method: method.toUpperCase(),
      path,
      operationId: one.operationId,
      parameters: one.parameters ?? [],
      body: one.requestBody?.content?.['application/json']?.schema ?? null,
      responses: one.responses,
    })),
  )
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false })
  ajv.addSchema({ $id: 'api', ...source })
  const compiled = new Map<string, ValidateFunction>()
  const check = (...parts: readonly string[]): ValidateFunction => {
    const $ref = `api#/${parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
    const found = compiled.get($ref) ?? ajv.compile({ $ref })
    compiled.set($ref, found)
    return found
  }
  const on = (path: string) => operations.filter((one) => fits(one.path, path))
  return {
    operations,
    resolve: (reference) => source.components.schemas[reference.replace('#/components/schemas/', '')] ?? {},
    find: (method, path) => on(path).find((one) => one.method === (method === 'HEAD' ? 'GET' : method)),
    knows: (path) => on(path).length > 0,
    answer: ({ method, path, responses }, status, media) =>
      responses[status]?.content?.[media]?.schema === undefined
        ? null
        : check('paths', path, method.toLowerCase(), 'responses', String(status), 'content', media, 'schema'),
    event: (type) => (Object.hasOwn(source.components.schemas, `Event.${type}`) ? check('components', 'schemas', `Event.${type}`) : null),
  }
}

function fits(pattern: string, path: string): boolean {
  const parts = pattern.split('/')
  const segments = path.split('/')
  return parts.length === segments.length && parts.every((part, at) => (part.startsWith('{') ? segments[at] !== '' : part === segments[at]))
}
