import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSession, createTask, Problem } from '@codesdkd/protocol'
import { toCamelCase, toSnakeCase } from './casing.ts'

const names = [...new Set([...Object.keys(createSession.shape), ...Object.keys(createTask.shape)])]

describe('toCamelCase', () => {
  test.each([
    'credentialNamespace',
    'isolationLevel',
    'isolationMode',
    'permissionMode',
    'runtimeConfig',
    'taskId',
    'toolManifest',
    'timeoutMs',
    'approvalTimeoutMs',
  ])('%s is the other spelling of a field', (name) => {
    expect(names.map(toCamelCase)).toContain(name)
  })

  test('no two fields have a spelling in common', () => {
    const spellings = names.flatMap((name) => [...new Set([name, toCamelCase(name)])])
    expect(new Set(spellings).size).toBe(spellings.length)
  })
})

describe('toSnakeCase', () => {
  const value = fc.jsonValue()

  test('either spelling of any set of fields gives the same, and values stay as they came', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (body) => {
        const camel = Object.fromEntries(Object.entries(body).map(([name, one]) => [toCamelCase(name), one]))
        expect(toSnakeCase(camel, names)).toEqual({ fields: { ...body }, ignored: [] })
        expect(toSnakeCase(body, names)).toEqual({ fields: { ...body }, ignored: [] })
      }),
    )
  })

  test('both spellings are accepted when they agree', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(toSnakeCase({ task_id: one, taskId: structuredClone(one) }, names).fields).toEqual({ task_id: one })
      }),
    )
  })

  test('both spellings are refused when they differ', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other))
        expect(() => toSnakeCase({ task_id: [one], taskId: [other] }, names)).toThrow(Problem)
      }),
      {
        examples: [
          [1, 2],
          ['', null],
          [{}, []],
        ],
      },
    )
  })

  test('what is no field is ignored and told', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => !names.includes(key) && !names.map(toCamelCase).includes(key)),
          value,
        ),
        (extra) => {
          expect(toSnakeCase({ ...extra, model: 'm' }, names)).toEqual({ fields: { model: 'm' }, ignored: Object.keys(extra) })
        },
      ),
    )
  })

  test('names inside of values are not re-cased', () => {
    const inside = { runtimeConfig: { modelReasoningEffort: 'high', sub_key: { camelKey: 1 } }, env: { MyVar: 'x' } }
    expect(toSnakeCase(inside, names).fields).toEqual({ runtime_config: inside.runtimeConfig, env: inside.env })
  })
})
