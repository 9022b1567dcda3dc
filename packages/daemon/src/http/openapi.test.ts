import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { eventTypes, problems } from '@codesdkd/protocol'
import { toOpenApi } from './openapi.ts'
import { routes } from './routes.ts'

const document = toOpenApi(routes, { version: '1.2.3', basePath: '' })
const text = JSON.stringify(document)

function at(pointer: string): unknown {
  return pointer.slice(2).split('/').reduce<unknown>((node, key) => (typeof node === 'object' && node !== null ? Reflect.get(node, key) : undefined), document)
}

describe('the OpenAPI document', () => {
  test('is OpenAPI 3.1 and has every route', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.version).toBe('1.2.3')
    for (const { method, path, operationId } of routes) expect(document.paths?.[path]).toMatchObject({ [method.toLowerCase()]: { operationId } })
  })

  test('every reference resolves', () => {
    const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference))
    expect(references.size).toBeGreaterThan(20)
    for (const reference of references) expect(at(reference), reference).toBeTypeOf('object')
  })

  test('every schema is valid JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'api', components: document.components })
    for (const name of Object.keys(document.components?.schemas ?? {})) {
      expect(ajv.validate({ $ref: `api#/components/schemas/${name}` }, undefined), name).toBe(false)
    }
  })

  test('every event type and every failure stands in it', () => {
    expect(Object.keys(document.components?.schemas ?? {})).toEqual(expect.arrayContaining(eventTypes.map((type) => `Event.${type}`)))
    const internal = ['not_found']
    for (const code of Object.keys(problems).filter((one) => !internal.includes(one))) expect(text, code).toContain(`\`${code}\``)
  })

  test('a request body shows both spellings', () => {
    expect(at('#/components/schemas/CreateSession/properties')).toMatchObject({ credential_namespace: {}, credentialNamespace: {}, permissionMode: {} })
    expect(at('#/components/schemas/CreateTask/properties')).toMatchObject({ task_id: {}, taskId: {}, toolManifest: {}, timeoutMs: {} })
  })

  test('what the daemon sends may grow: no schema of an answer is closed', () => {
    expect(text).not.toContain('"additionalProperties":false')
  })

  test('every path parameter is declared', () => {
    for (const { method, path } of routes) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const operation = document.paths?.[path]?.[method === 'GET' ? 'get' : 'post']
      const declared = (operation?.parameters ?? []).flatMap((parameter) => ('in' in parameter && parameter.in === 'path' ? [parameter.name] : []))
      expect(declared).toEqual(names)
    }
  })
})
