/** Writes the part of the Python client that follows from the OpenAPI document. `--check` only compares. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readDocument, type JsonSchema, type Operation } from '../test/openapi/document.ts'

const folder = join(import.meta.dirname, '../clients/python/codesdkd_client')
const document = readDocument()
const note = '# Made by `npm run python` from the OpenAPI document: not to be edited.\n'
/** What is not safe to send twice. All else reads, decides, stops, or carries a key or an id. */
const onlyOnce = new Set(['verifyRuntime', 'answerQuestion', 'writeToolOutput', 'uploadArtifact', 'mintToken', 'stepReplay'])
/** They take long by themselves, in seconds: short trials of an agent, the end of one, a large archive. */
const slow: Readonly<Record<string, number>> = { verifyRuntime: 180, getSupportBundle: 180, stopTask: 60, deleteSession: 60 }
/** The stream is what `follow_all` reads. */
const left = new Set(['streamEvents'])
const keywords = new Set(['from', 'in', 'is', 'class', 'def', 'pass', 'None', 'and', 'or', 'not', 'global'])

const toSnake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const toClass = (name: string) => name.replaceAll(/[^A-Za-z0-9]/g, '')
/** The type of a parameter, from outside of the module of types. */
const toOuter = (schema: JsonSchema | undefined) => (schema?.$ref === undefined ? toType(schema) : `t.${toType(schema)}`)
const isOwn = (name: string) => !name.startsWith('Event.')

function toType(schema: JsonSchema | undefined): string {
  if (schema === undefined) return 'Any'
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    return name === 'Event' ? 'dict[str, Any]' : toClass(name)
  }
  if (schema.const !== undefined) return `Literal[${toLiteral(schema.const)}]`
  if (schema.enum !== undefined) return `Literal[${schema.enum.map(toLiteral).join(', ')}]`
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) return toUnion(branches.map(toType))
  return toUnion([schema.type ?? 'any'].flat().map((type) => toPlain(type, schema)))
}

function toPlain(type: string, schema: JsonSchema): string {
  const plain: Readonly<Record<string, string>> = {
    string: 'str',
    integer: 'int',
    number: 'float',
    boolean: 'bool',
    null: 'None',
    object: 'dict[str, Any]',
  }
  return type === 'array' ? `list[${toType(schema.items)}]` : (plain[type] ?? 'Any')
}

function toUnion(types: readonly string[]): string {
  const distinct = [...new Set(types)]
  return distinct.includes('Any') ? 'Any' : distinct.join(' | ')
}

function toLiteral(value: unknown): string {
  return value === true ? 'True' : value === false ? 'False' : value === null ? 'None' : JSON.stringify(value)
}

function toTypes(): string {
  const named = Object.entries(document.components.schemas).filter(([name]) => isOwn(name) && name !== 'Event')
  const classes = named.map(([name, schema]) => {
    if (schema.properties === undefined) return `${toClass(name)} = ${quoted(toType(schema))}`
    const fields = Object.entries(schema.properties).filter(([, field]) => !isTwin(field))
    const lines = fields.map(([field, one]) => {
      const type = toType(one)
      return [field, schema.required?.includes(field) === true ? type : `NotRequired[${type}]`] as const
    })
    const plain = lines.every(([field]) => !keywords.has(field))
    if (!plain)
      return `${toClass(name)} = TypedDict("${toClass(name)}", {${lines.map(([field, type]) => `"${field}": "${type}"`).join(', ')}})`
    return `class ${toClass(name)}(TypedDict):\n${lines.length === 0 ? '    pass' : lines.map(([field, type]) => `    ${field}: ${type}`).join('\n')}`
  })
  return `${note}"""Shapes of what is sent and answered, as on the wire."""\n\nfrom __future__ import annotations\n\nfrom typing import Any, Literal, NotRequired, TypedDict\n\n${classes.join('\n\n\n')}\n`
}

/** An alias is evaluated where it stands, before the names in it are there. */
function quoted(type: string): string {
  return /^(Literal\[|str$|Any$)/.test(type) ? type : 'dict[str, Any]'
}

/** Requests are read in both spellings; one of them is enough here. */
function isTwin(field: JsonSchema & { readonly description?: string }): boolean {
  return field.description?.startsWith('Another spelling of') === true
}

function toOperations(): string {
  const methods = Object.entries(document.paths).flatMap(([path, all]) =>
    Object.entries(all)
      .filter(([, { operationId }]) => !left.has(operationId))
      .map(([method, operation]) => toMethod(path, method.toUpperCase(), operation)),
  )
  return `${note}"""A method for every operation."""\n\nfrom __future__ import annotations\n\nfrom typing import Any, Literal\n\nfrom . import types as t\nfrom .transport import Answer, Transport, new_id, path_of\n\n\nclass Operations:\n    """Ids come first, then the body, then the query by name. Every method raises \`ApiError\` or \`ConnectionFailed\`."""\n\n    def __init__(self, transport: Transport) -> None:\n        self.transport = transport\n\n${methods.join('\n\n')}\n`
}

function toMethod(path: string, method: string, operation: Operation & { readonly summary?: string }): string {
  const { operationId, parameters = [], requestBody, responses } = operation
  const ids = parameters.filter((one) => one.in === 'path').map(({ name }) => name)
  const query = parameters.filter((one) => one.in === 'query' && !['stream'].includes(one.name))
  const bodySchema = requestBody?.content['application/json']?.schema
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))
  const json = success?.[1].content?.['application/json']
  const empty = success?.[0] === '204'
  const keyed = operationId === 'createSession' || operationId === 'forkSession'
  const bodyType = bodySchema?.$ref === undefined ? 'dict[str, Any]' : `t.${toClass(bodySchema.$ref.split('/').at(-1) ?? '')}`
  const answered = json?.schema?.$ref
  const answer = empty
    ? 'None'
    : json === undefined
      ? 'Answer'
      : answered === undefined
        ? 'Any'
        : `t.${toClass(answered.split('/').at(-1) ?? '')}`
  const args = [
    'self',
    ...ids.map((id) => `${id}: str`),
    ...(bodySchema === undefined ? [] : [`body: ${bodyType} | None = None`]),
    ...(query.length > 0 || keyed ? ['*'] : []),
    ...query.map(({ name, schema }) => `${name}: ${toOuter(schema)} | None = None`.replace('| None | None', '| None')),
    ...(keyed ? ['key: str | None = None'] : []),
  ]
  const safe = method !== 'POST' || !onlyOnce.has(operationId)
  const options = [
    ...(bodySchema === undefined
      ? []
      : [operationId === 'startTask' ? 'body={"task_id": new_id("task_"), **(body or {})}' : 'body=body or {}']),
    ...(query.length > 0 ? [`query={${query.map(({ name }) => `"${name}": ${name}`).join(', ')}}`] : []),
    ...(keyed ? ['headers={"idempotency-key": key or new_id("key_")}'] : []),
    `again=${safe ? 'True' : 'False'}`,
    ...(slow[operationId] === undefined ? [] : [`timeout=${slow[operationId]}`]),
  ]
  const place = `path_of("${path}"${ids.map((id) => `, ${id}`).join('')})`
  const call = empty ? 'self.transport.delete' : json === undefined ? 'self.transport.raw' : 'self.transport.json'
  const typed = call === 'self.transport.json' && answer !== 'Any'
  const head = `    def ${toSnake(operationId)}(${args.join(', ')}) -> ${answer}:`
  const summary = `        """${operation.summary ?? ''}. \`${method} ${path}\`"""`
  return `${head}\n${summary}\n        return ${call}("${method}", ${place}, ${options.join(', ')})${typed ? '  # type: ignore[no-any-return]' : ''}`
}

const files = { 'types.py': toTypes(), 'operations.py': toOperations() }
for (const [name, text] of Object.entries(files)) {
  const file = join(folder, name)
  const known = await readFile(file, 'utf8').catch(() => '')
  if (known === text) continue
  if (process.argv.includes('--check')) {
    console.error(`${file} is not current: npm run python`)
    process.exitCode = 1
  } else await writeFile(file, text)
}
