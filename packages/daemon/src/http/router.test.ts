import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import { createRouter } from './router.ts'
import { routes } from './routes.ts'

const find = createRouter(routes)

test.each([
  ['GET', '/', 'getAbout', {}],
  ['HEAD', '/health', 'getHealth', {}],
  ['GET', '/sessions/abc', 'getSession', { session_id: 'abc' }],
  ['GET', '/sessions/a%20b%2Fc', 'getSession', { session_id: 'a b/c' }],
  ['GET', '/sessions/%2e%2e', 'getSession', { session_id: '..' }],
  ['POST', '/sessions/s/tasks/t/stop', 'stopTask', { session_id: 's', task_id: 't' }],
  ['POST', '/sessions/s/tool-calls/c/approve', 'approveToolCall', { session_id: 's', tool_call_id: 'c' }],
])('%s %s', (method, path, operationId, params) => {
  const match = find(method, path)
  expect(match).toMatchObject({ route: { operationId }, params })
})

test.each([
  ['GET', '//evil.com/sessions', 'not_found'],
  ['GET', '/sessions/', 'not_found'],
  ['GET', '/sessions/s/', 'not_found'],
  ['GET', '/Sessions', 'not_found'],
  ['GET', '/%73essions', 'not_found'],
  ['GET', '/sessions/../health', 'not_found'],
  ['GET', '', 'not_found'],
  ['GET', '/sessions/%zz', 'invalid_request'],
  ['GET', '/sessions/%ff', 'invalid_request'],
  ['TRACE', '/health', 'method_not_allowed'],
  ['PROPFIND', '/sessions', 'method_not_allowed'],
  ['get', '/sessions', 'method_not_allowed'],
])('%s %s -> %s', (method, path, code) => {
  const match = find(method, path)
  expect(match).toBeInstanceOf(Problem)
  expect(match).toMatchObject({ code })
})

test('a refused method comes with those that are allowed', () => {
  expect(find('DELETE', '/sessions')).toMatchObject({ members: { allowed: ['GET', 'HEAD', 'POST'] } })
})

test('no two routes share method and path, and operation ids are unique', () => {
  expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
  expect(new Set(routes.map(({ operationId }) => operationId)).size).toBe(routes.length)
})

test('whatever the path is, it is refused, or its parameters are what was sent', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => encodeURIComponent(text.toWellFormed())),
    fc.constantFrom('..', '%2e%2e', '%2f', '%00', '%zz', '%', '__proto__', ''),
  )
  fc.assert(
    fc.property(fc.nat(routes.length - 1), fc.array(piece, { minLength: 4, maxLength: 4 }), (at, pieces) => {
      const { method, path } = routes[at] ?? { method: 'GET', path: '/' }
      const values = [...pieces]
      const asked = path.replaceAll(/\{\w+\}/g, () => values.shift() ?? '')
      const match = find(method, asked)
      if (match instanceof Problem) {
        expect(['not_found', 'invalid_request']).toContain(match.code)
        return
      }
      expect(match.route).toMatchObject({ method, path })
      expect(Object.values(match.params)).toEqual(pieces.slice(0, Object.keys(match.params).length).map(decodeURIComponent))
    }),
  )
})

test('any text is some path, or none', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (method, path) => {
      const match = find(method, path)
      if (!(match instanceof Problem)) expect(match.route.method).toBe(method === 'HEAD' ? 'GET' : method)
    }),
  )
})
