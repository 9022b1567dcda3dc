// oxlint-disable vitest/no-standalone-expect -- a row is checked inside of the test that bad-input.test.ts makes of it
import { once } from 'node:events'
import { expect } from 'vitest'
import { openSocket } from '../../../packages/daemon/src/http/testing/raw.ts'
import { routes } from '../../../packages/daemon/src/http/routes.ts'
import { answers, get, post, raw, send, type Row } from './target.ts'

const malformed: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': raw(
    'POST',
    '/sessions',
    [
      ['Content-Length', '2'],
      ['Transfer-Encoding', 'chunked'],
    ],
    '0\r\n\r\n',
  ),
  'two Content-Length': raw(
    'POST',
    '/sessions',
    [
      ['Content-Length', '2'],
      ['Content-Length', '3'],
    ],
    '{}',
  ),
  'Content-Length: -1': raw('POST', '/sessions', [['Content-Length', '-1']], '{}'),
  'Content-Length: +5': raw('POST', '/sessions', [['Content-Length', '+5']], '{}   '),
  'Content-Length: 1e20': raw('POST', '/sessions', [['Content-Length', '1e20']], '{}'),
  'Transfer-Encoding: identity': raw('POST', '/sessions', [['Transfer-Encoding', 'identity']], '{}'),
  'bare line feeds': get('/health').replaceAll('\r\n', '\n'),
  'a bad chunk': raw('POST', '/sessions', [['Transfer-Encoding', 'chunked']], 'zz\r\n{}\r\n'),
  'a folded header': get('/health', [['X-Folded', 'a\r\n b']]),
  'a space before the colon': get('/health').replace('Host:', 'Host :'),
  'NUL in a header': get('/health', [['X-Nul', 'a\0b']]),
  'a method in lower case': raw('get', '/health'),
  'raw UTF-8 in the target': get('/h\xc3\xa9alth'),
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'the HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
}

/** 5.4: method, path, framing. */
export const framingRows: readonly Row[] = [
  answers('B045', 'JSON without a Content-Type', post('/sessions', '{}'), 201),
  answers('B046', 'POST without body and Content-Type', post('/sessions', ''), 201),
  answers('B048', 'Content-Encoding: gzip', post('/sessions', '{}', [['Content-Encoding', 'gzip']]), 415, 'unsupported_media_type'),
  answers('B049', 'a byte order mark', post('/sessions', '\xef\xbb\xbf{}', [['Content-Length', '5']]), 400, 'invalid_json'),
  ...['PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE'].map((method): Row => ({
    id: 'B050',
    name: `${method} on a known path`,
    async check({ guarded }) {
      const answer = await send(guarded, raw(method, '/sessions'))
      expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } })
    },
  })),
  answers('B051', 'CONNECT', raw('CONNECT', 'evil.com:443'), 400),
  answers(
    'B051',
    'an upgrade',
    get('/health', [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
    ]),
    400,
  ),
  {
    id: 'B052',
    name: 'HEAD on each GET route',
    async check({ guarded }) {
      for (const { path } of routes.filter(({ method }) => method === 'GET')) {
        const url = path.replaceAll(/\{\w+\}/g, 'x')
        const head = await send(guarded, raw('HEAD', url, [['Connection', 'close']]))
        expect({ url, body: head?.body }).toEqual({ url, body: '' })
        if (url !== '/events') expect({ url, status: (await send(guarded, get(url)))?.status }).toEqual({ url, status: head?.status })
      }
    },
  },
  ...['%2e%2e', '..%2f', '%00', '%ff', '%zz', '..'].map((part) =>
    answers('B054', `/sessions/${part}`, get(`/sessions/${part}`), [400, 404]),
  ),
  answers('B055', 'a target of 17 KB', get(`/${'x'.repeat(17_000)}`), 431, 'headers_too_large'),
  answers('B055', 'a header of 17 KB', get('/health', [['X-Long', 'x'.repeat(17_000)]]), 431, 'headers_too_large'),
  {
    id: 'B055',
    name: 'HEAD with a target that is too long gets no body',
    async check({ guarded }) {
      const socket = openSocket(guarded.client.url).setEncoding('latin1')
      socket.write(raw('HEAD', `/${'x'.repeat(17_000)}`))
      const answer = (await Array.fromAsync(socket)).join('')
      expect(answer).toMatch(/^HTTP\/1\.1 431 /)
      expect(answer.split('\r\n\r\n').slice(1)).toEqual([''])
    },
  },
  answers(
    'B056',
    '3,000 headers',
    get(
      '/health',
      Array.from({ length: 3_000 }, () => ['a', ''] as const),
    ),
    [400, 431],
  ),
  answers(
    'B056',
    '150 headers',
    get(
      '/health',
      Array.from({ length: 150 }, () => ['a', ''] as const),
    ),
    [400, 431],
  ),
  ...Object.entries(malformed).map(([name, request]) => answers(/TLS|HTTP\/2/.test(name) ? 'B060' : 'B057', name, request, 400)),
  answers(
    'B058',
    'a chunk extension of 20 KB',
    raw('POST', '/sessions', [['Transfer-Encoding', 'chunked']], `2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
    413,
    'payload_too_large',
  ),
  {
    id: 'B062',
    name: '100 requests in a row on one connection: 100 answers, in their order',
    async check({ guarded }) {
      const socket = openSocket(guarded.client.url).setEncoding('latin1')
      const paths = Array.from({ length: 100 }, (_unused, index) => (index % 2 === 0 ? '/livez' : `/sessions/s${index}`))
      const { host } = new URL(guarded.client.url)
      const requests = paths.map((path, index) => get(path, index === 99 ? [['Connection', 'close']] : []))
      socket.write(requests.join('').replaceAll('{host}', host))
      const answer = (await Array.fromAsync(socket)).join('')
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(paths.map((path) => `HTTP/1.1 ${path === '/livez' ? 200 : 404}`))
      expect(answer.match(/"session_id":"s\d+"/g)).toEqual(
        paths.flatMap((path) => (path === '/livez' ? [] : [`"session_id":"${path.slice(10)}"`])),
      )
    },
  },
  {
    id: 'B063',
    name: 'a body that is cut off makes no session',
    async check({ open }) {
      const count = async (): Promise<number> => (await open.client.get('/sessions?limit=500')).body.sessions.length
      const before = await count()
      const socket = openSocket(open.client.url)
      socket.end(`POST /sessions HTTP/1.1\r\nHost: ${new URL(open.client.url).host}\r\nContent-Length: 50\r\n\r\n{}`)
      await once(socket.resume(), 'close')
      expect(await count()).toBe(before)
      expect(open.stderr()).not.toContain('"stack"')
    },
  },
  {
    id: 'B064',
    name: '512 idle connections leave room for one more',
    async check({ open }) {
      const idle = Array.from({ length: 512 }, () => openSocket(open.client.url))
      await Promise.all(idle.map((socket) => once(socket, 'connect')))
      expect((await open.client.get('/health')).status).toBe(200)
      for (const socket of idle) socket.destroy()
    },
  },
]
