import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { eventTypes, problems } from '@codesdkd/protocol'
import { toOpenApi } from './openapi.ts'
import type { Method } from './route.ts'
import { routes } from './routes.ts'

const document = toOpenApi(routes, { version: '1.2.3', basePath: '' })
const text = JSON.stringify(document)

function at(pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => (typeof node === 'object' && node !== null ? Reflect.get(node, key) : undefined), document)
}

const toKey = (method: Method) => ({ GET: 'get', POST: 'post', PATCH: 'patch', DELETE: 'delete' } as const)[method]

describe('the OpenAPI document', () => {
  test('is OpenAPI 3.1 and has every route', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.version).toBe('1.2.3')
    for (const { method, path, operationId } of routes)
      expect(document.paths?.[path]).toMatchObject({ [method.toLowerCase()]: { operationId } })
  })

  test('every reference resolves', () => {
    const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference))
    expect(references.size).toBeGreaterThan(20)
    expect([...references].filter((reference) => typeof at(reference) !== 'object')).toEqual([])
  })

  test('every schema is valid JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'api', components: document.components })
    const names = Object.keys(document.components?.schemas ?? {})
    // A schema that is not valid throws; one that is says of nothing that it is not what it describes.
    expect(names.filter((name) => ajv.validate({ $ref: `api#/components/schemas/${name}` }, undefined))).toEqual([])
  })

  test('every event type and every failure stands in it', () => {
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(expect.arrayContaining(eventTypes.map((type) => `Event.${type}`)))
    expect(Object.keys(problems).filter((code) => !text.includes(`\`${code}\``))).toEqual([])
  })

  test('a request body shows both spellings', () => {
    expect(at('#/components/schemas/CreateSession/properties')).toMatchObject({
      credential_namespace: {},
      credentialNamespace: {},
      permissionMode: {},
    })
    expect(at('#/components/schemas/CreateTask/properties')).toMatchObject({ task_id: {}, taskId: {}, toolManifest: {}, timeoutMs: {} })
  })

  test('of a field that has two spellings, one is enough', () => {
    expect(at('#/components/schemas/ApproveRequest/required')).toEqual(['attempt', 'input_hash'])
    expect(at('#/components/schemas/UploadArtifact/required')).toEqual(['session_id', 'data', 'content_type'])
  })

  test('an answer that a header of the request asks for is declared', () => {
    for (const { method, path, requestHeaders = {} } of routes) {
      const { responses = {} } = document.paths?.[path]?.[toKey(method)] ?? {}
      expect([path, 206 in responses, 304 in responses]).toEqual([path, 'Range' in requestHeaders, 'If-None-Match' in requestHeaders])
    }
  })

  test('what the daemon sends may grow: no schema of an answer is closed', () => {
    expect(text).not.toContain('"additionalProperties":false')
  })

  test('every path parameter is declared', () => {
    for (const { method, path } of routes) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const operation = document.paths?.[path]?.[toKey(method)]
      const declared = (operation?.parameters ?? []).flatMap((parameter) =>
        'in' in parameter && parameter.in === 'path' ? [parameter.name] : [],
      )
      expect(declared).toEqual(names)
    }
  })
})
