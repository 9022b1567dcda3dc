import { describe, expect, expectTypeOf, test } from 'vitest'
import type * as z from 'zod'
import { createClient, isApiError, type Operations, type Status } from '@codesdkd/client'
import type { status } from '../../packages/daemon/src/http/status.ts'
import { routes } from '../../packages/daemon/src/http/routes.ts'
import { createBench } from '../harness/daemon.ts'
import { createServer } from './testing/server.ts'

/** Arguments of each operation that need some; each path parameter is a text. */
const bodies: Partial<Record<keyof Operations, object>> = {
  createSession: {},
  startTask: { messages: [{ role: 'user', content: 'hello' }] },
  mintToken: { verbs: ['events:*'] },
}

describe.concurrent('operations', () => {
  // `/events` is a stream alone: `followAll`.
  const declared = routes.filter(({ operationId }) => operationId !== 'streamEvents')

  test.each(declared)('$operationId asks $method $path', async ({ operationId, method, path, query }) => {
    await using server = await createServer(() => ({ status: 200, body: { next_after: null } }))
    const client = createClient({ url: server.url, retry: { attempts: 1 } })
    expect(client).toHaveProperty(operationId)
    const name = operationId as keyof Operations
    const ids = [...path.matchAll(/\{(\w+)\}/g)].map(([, id]) => `${String(id)}/?`)
    const call = client[name] as (...args: readonly unknown[]) => Promise<unknown>
    const fields = query === undefined ? [] : [Object.fromEntries(Object.keys(query.shape).map((field) => [field, 'x']))]
    await call(...ids, ...(method === 'GET' || method === 'DELETE' ? fields : [bodies[name] ?? {}]))
    const [asked] = server.requests
    const target = new URL(asked?.url ?? '', server.url)
    expect(asked?.method).toBe(method)
    expect(target.pathname).toBe(path.replaceAll(/\{(\w+)\}/g, (_, id: string) => encodeURIComponent(`${id}/?`)))
    expect(Object.fromEntries(target.searchParams)).toEqual(method === 'GET' || method === 'DELETE' ? (fields[0] ?? {}) : {})
  })

  test('has the status in the type that the daemon declares', () => {
    expectTypeOf<Omit<z.infer<typeof status>, 'issues'>>().toEqualTypeOf<Omit<Status, 'issues'>>()
    expectTypeOf<z.infer<typeof status>>().toExtend<Status>()
  })
})

const busy = (code: string, status: number, headers = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: { error: code, status, detail: `${code}!`, request_id: 'req_1', retryable: true, limit: 7, scope: 'session' },
})

describe.concurrent('failures', () => {
  test('are told by code, status, and what the problem says besides', async () => {
    await using bench = await createBench()
    const client = createClient({ url: bench.client.url })
    const failure = await client.getSession('ses_missing').catch((error: unknown) => error)
    expect(failure).toMatchObject({
      name: 'ApiError',
      code: 'session_not_found',
      status: 404,
      retryable: false,
      retryAfter: null,
      members: { session_id: 'ses_missing' },
    })
    expect(isApiError(failure, 'session_not_found', 'task_not_found')).toBe(true)
    expect(isApiError(failure, 'task_not_found')).toBe(false)
    await expect(client.createSession({ runtime: 'nobody' })).rejects.toMatchObject({
      code: 'unknown_runtime',
      members: { runtime: 'nobody' },
    })
    await expect(client.listSessions({ after: 'nothing' })).rejects.toMatchObject({ code: 'invalid_cursor', status: 400 })
    await expect(client.getMetrics()).rejects.toMatchObject({ code: 'metrics_unavailable' })
  })

  test('that may pass are tried again, with the same key, until it is answered', async () => {
    let tries = 0
    await using server = await createServer(() => {
      tries += 1
      if (tries === 1) return busy('backpressure', 429)
      if (tries === 2) return { status: 502, body: null }
      if (tries === 3) return 'reset'
      return { status: 201, body: { session_id: 'ses_1' } }
    })
    const client = createClient({ url: server.url, retry: { attempts: 4, baseMs: 1 } })
    expect(await client.createSession()).toEqual({ session_id: 'ses_1' })
    const keys = server.requests.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(4)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^key_[0-9a-f]{32}$/)
  })

  test('end the tries after as many as were asked for, or where the daemon asks for a longer time', async () => {
    await using server = await createServer(({ url = '' }) =>
      url === '/status' ? busy('shutting_down', 503, { 'retry-after': '60' }) : busy('rate_limited', 429),
    )
    const client = createClient({ url: server.url, retry: { attempts: 3, baseMs: 1 } })
    await expect(client.getAbout()).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfter: null,
      members: { limit: 7, scope: 'session' },
    })
    expect(server.requests).toHaveLength(3)
    await expect(client.getStatus()).rejects.toMatchObject({ code: 'shutting_down', retryAfter: 60, requestId: 'req_1' })
    expect(server.requests).toHaveLength(4)
  })

  test('are not tried again where the first try may have done something', async () => {
    await using server = await createServer(() => 'reset')
    const client = createClient({ url: server.url, retry: { attempts: 5, baseMs: 1 } })
    await expect(client.uploadArtifact({ session_id: 's', data: 'eA==', content_type: 'text/plain' })).rejects.toMatchObject({
      name: 'ConnectionError',
    })
    await expect(client.mintToken({ verbs: ['events:*'] })).rejects.toMatchObject({ name: 'ConnectionError' })
    expect(server.requests).toHaveLength(2)
  })

  test('of a daemon that does not answer end with the time limit, and those of a caller with the reason of its signal', async () => {
    await using server = await createServer(() => 'silence')
    const client = createClient({ url: server.url, timeoutMs: 20, retry: { attempts: 1 } })
    await expect(client.getAbout()).rejects.toMatchObject({ name: 'ConnectionError', message: 'The daemon did not answer in time.' })
    const reason = new Error('enough')
    const given = new AbortController()
    const asked = createClient({ url: server.url }).getAbout({ signal: given.signal })
    given.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })

  test('of a deletion whose first answer was lost are none', async () => {
    const missing = { ...busy('session_not_found', 404), body: { error: 'session_not_found', retryable: false } }
    let tries = 0
    await using server = await createServer(() => ((tries += 1) === 1 ? 'reset' : missing))
    const client = createClient({ url: server.url, retry: { baseMs: 1 } })
    await client.deleteSession('ses_1')
    await expect(client.deleteSession('ses_1')).rejects.toMatchObject({ code: 'session_not_found' })
  })
})

test('the token goes with every request, and may be told anew', async () => {
  await using server = await createServer(() => ({ status: 200, body: {} }))
  const tokens = ['first', 'second']
  const client = createClient({ url: () => `${server.url}/base/`, token: () => tokens.shift() })
  await client.getStatus()
  await client.getStatus()
  expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/base/status', 'Bearer first'],
    ['/base/status', 'Bearer second'],
  ])
})
