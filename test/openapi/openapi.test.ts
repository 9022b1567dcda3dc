import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { createClient } from '@codesdkd/client'
import { describe, expect, test } from 'vitest'
import { readExamples } from '../../packages/daemon/src/http/examples.ts'
import { routes } from '../../packages/daemon/src/http/routes.ts'
import { root } from '../lifecycle/testing/host.ts'
import { readDocument } from './document.ts'
import { recordExamples } from './record.ts'
import { findBreaks, toSurface, type Surface } from './surface.ts'

const document = readDocument()
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))

test('the linter finds nothing, by its strict rules', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const found = await lintFromString({ source: JSON.stringify(document), absoluteRef: 'openapi.json', config })
  expect(found.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([])
})

describe('examples', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(document, 'api')

  test('each fits the schema that it stands beside', () => {
    const wrong: string[] = []
    let seen = 0
    for (const { operationId, requestBody, responses } of operations) {
      for (const content of [requestBody?.content, ...Object.values(responses).map((answer) => answer.content)]) {
        for (const { schema, example } of Object.values(content ?? {})) {
          if (example === undefined || schema === undefined) continue
          seen += 1
          const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object
          if (!ajv.validate(local, example)) wrong.push(`${operationId}: ${ajv.errorsText()}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect(seen).toBeGreaterThan(30)
  })

  test('they have what a daemon answers today: npm run examples', { timeout: 60_000 }, async () => {
    const [recorded, now] = [readExamples(), await recordExamples()]
    expect(Object.fromEntries(Object.entries(recorded).map(([id, one]) => [id, toShape(one)]))).toEqual(
      Object.fromEntries(Object.entries(now).map(([id, one]) => [id, toShape(one)])),
    )
  })
})

/** The fields that occur in a value, without what depends on the machine. */
function toShape(value: unknown, place = ''): readonly string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((one: unknown) => toShape(one, `${place}[]`)))].toSorted()
  if (typeof value !== 'object' || value === null) return [place]
  const fields = Object.entries(value).filter(([name]) => !['issues', 'startup_ms', 'remedy', 'reason', 'approvals'].includes(name))
  return [...new Set(fields.flatMap(([name, one]) => toShape(one, `${place}.${name}`)))].toSorted()
}

describe('agreement', () => {
  const client = createClient({ url: 'http://127.0.0.1:1' })
  const ids = routes.map(({ operationId }) => operationId)

  test('routes, document and client have the same operations', () => {
    expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(ids.toSorted())
    const own = ['follow', 'followAll', 'runTask', 'onApproval']
    // `followAll` reads it.
    expect(ids.filter((id) => !Object.hasOwn(client, id))).toEqual(['streamEvents'])
    expect(Object.keys(client).filter((name) => !ids.includes(name) && !own.includes(name))).toEqual([])
  })

  test('every path is told of in the documentation', async () => {
    const pages = await Array.fromAsync(glob(['README.md', 'docs/*.md'], { cwd: root }))
    const told = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n')
    const untold = routes.filter(({ path }) => {
      // Pages write ids in several ways: the fixed parts have to stand there in order.
      const pattern = path
        .split(/\{\w+\}/)
        .map((part) => part.replaceAll(/[.]/g, String.raw`\$&`))
        .join(String.raw`[^\s/]+`)
      return path !== '/' && !new RegExp(pattern).test(told.replaceAll('…/', '/sessions/x/'))
    })
    expect(untold.map(({ path }) => path)).toEqual([])
  })
})

describe('nothing that was released disappears', () => {
  const released = JSON.parse(readFileSync(join(import.meta.dirname, 'released.json'), 'utf8')) as Surface

  test('from the API: npm run released takes what is new', () => {
    expect(findBreaks(released, toSurface(document))).toEqual([])
  })

  const now = toSurface(document)
  test.each<[string, Surface, string]>([
    ['a field', without(now, 'Session.title'), 'Session.title is gone'],
    ['a value', without(now, 'TaskPhase = "queued"'), 'TaskPhase = "queued" is gone'],
    ['an operation', without(now, 'GET /sessions'), 'GET /sessions is gone'],
    ['a type', { ...now, 'Session.title:': 'integer' }, 'Session.title: was'],
    ['what is always there', { ...now, 'Session.cwd': 'may be missing' }, 'Session.cwd was always there and is may be missing'],
    ['what need not be sent', { ...now, 'CreateSession.color': 'must be sent' }, 'CreateSession.color must be sent now'],
  ])('%s that is taken away is noticed', (_what, changed, message) => {
    expect(findBreaks(now, changed)).toEqual([expect.stringContaining(message)])
  })

  test('what is new, and what need not be sent any more, breaks nobody', () => {
    expect(findBreaks(now, { ...now, 'Session.color': 'may be missing', 'ApproveRequest.attempt': 'may be missing' })).toEqual([])
  })
})

function without(surface: Surface, place: string): Surface {
  expect(Object.keys(surface)).toContain(place)
  const { [place]: _gone, ...rest } = surface
  return rest
}
