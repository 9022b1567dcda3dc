import { expect } from 'vitest'
import { routes } from '../../../packages/daemon/src/http/routes.ts'
import { answers, canary, expectProblem, get, post, raw, send, token, type Row } from './target.ts'

const auth = (value: string) => [['Authorization', value]] as const
const none = [
  ['X-Nothing', '1'],
  ['Authorization', ''],
] as const

/** Answers of every kind; what each must have, `send` asks of all. */
const kinds: Readonly<Record<string, readonly [request: string, status: number]>> = {
  'that is well': [get('/health'), 200],
  'of a stream': [raw('HEAD', '/events'), 200],
  'of the page of the documentation': [get('/docs'), 200],
  'without the token': [get('/health', auth('Bearer x')), 401],
  'for another Host': [get('/health', [['Host', 'evil.com']]), 403],
  'for no path': [get('/nope'), 404],
  'for another method': [raw('PUT', '/sessions'), 405],
  'for a form': [
    post('/sessions', 'a=b', [
      ['Sec-Fetch-Site', 'same-origin'],
      ['Content-Type', 'application/x-www-form-urlencoded'],
    ]),
    415,
  ],
  'for no JSON': [post('/sessions', '{'), 400],
  'for a header that is too long': [get('/health', [['X-Long', 'x'.repeat(17_000)]]), 431],
  'for what is no HTTP': ['GARBAGE\r\n\r\n', 400],
}

/** 5.1: who are you. */
export const authenticationRows: readonly Row[] = [
  {
    id: 'B001',
    name: 'no Authorization, every route and an unknown path',
    async check({ guarded }) {
      const closed = routes
        .filter(({ open }) => open !== true)
        .map(({ method, path }) => [method, path.replaceAll(/\{\w+\}/g, 'x')] as const)
      for (const [method, path] of [...closed, ['GET', '/nope'] as const, ['DELETE', '/sessions'] as const]) {
        const answer = await send(guarded, raw(method, path).replace(/Authorization: .*\r\n/, ''))
        expect({ path, status: answer?.status }).toEqual({ path, status: 401 })
        expect(answer?.headers['www-authenticate']).toBe('Bearer')
        expectProblem(answer, 'unauthorized')
      }
    },
  },
  answers('B001', 'an empty Authorization', get('/health', none), 401, 'unauthorized'),
  answers('B002', 'Bearer without a token', get('/health', auth('Bearer ')), 401, 'unauthorized'),
  answers('B003', 'a wrong token of the same length', get('/health', auth(`Bearer ${token.replace(/.$/, 'x')}`)), 401, 'unauthorized'),
  answers('B004', 'a trailing space', get('/health', auth(`Bearer ${token} `)), 200),
  answers('B004', 'a scheme in lower case', get('/health', auth(`bearer ${token}`)), 200),
  answers(
    'B006',
    'two Authorization headers',
    get('/health', [
      ['Authorization', `Bearer ${token}`],
      ['Authorization', 'Bearer x'],
    ]),
    400,
    'invalid_request',
  ),
  answers('B007', 'the token in the query', get(`/health?token=${token}`, none), 401, 'unauthorized'),
  answers('B008', 'a token of 16 KB', get('/health', auth(`Bearer ${'x'.repeat(16_400)}`)), 431, 'headers_too_large'),
  answers('B009', 'a token with NUL', get('/health', auth('Bearer a\0b')), 400),
  answers('B009', 'a token beyond ASCII', get('/health', auth('Bearer \xe9\xff')), 401, 'unauthorized'),
  ...Object.entries(kinds).map(([name, [request, status]]) => answers('B158', `an answer ${name} keeps browsers out`, request, status)),
  {
    id: 'B159',
    name: 'errors say nothing of what was sent, or of what is inside, beyond 200 characters',
    async check({ guarded }) {
      const long = 'y'.repeat(5_000)
      const requests = [
        ...[
          `/${long}`,
          `/sessions/${long}`,
          `/sessions?after=${long}`,
          `/sessions?limit=${long}`,
          `/health?runtime=${long}`,
          `/artifacts/${long}`,
        ].map((path) => get(path)),
        ...['runtime', 'model', 'cwd', 'permissionMode', 'credentialNamespace', long].map((name) =>
          post('/sessions', JSON.stringify({ [name]: `/${long}`, runtime: name === 'runtime' ? long : 7 })),
        ),
        post('/sessions', JSON.stringify({ env: { [long]: 'x' } })),
        post('/sessions', JSON.stringify({ metadata: { [long]: 7 } })),
        post('/sessions', `{"title":"${long}`),
      ]
      for (const request of requests) {
        const answer = await send(guarded, request)
        expectProblem(answer, JSON.parse(answer?.body ?? '').error)
        expect(answer?.body).not.toContain(long.slice(0, 201))
        expect(answer?.body).not.toMatch(/\/(?:packages|node_modules|guarded)\//)
      }
    },
  },
  answers('B010', 'a cookie', get('/health', [...none, ['Cookie', `token=${token}`]]), 401, 'unauthorized'),
]

const host = (value: string) => get('/health', [['Host', value]])

/** 5.2: under which name. */
export const hostRows: readonly Row[] = [
  answers('B013', 'HTTP/1.1 without Host', `GET /health HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`, 400, 'host_required'),
  answers('B014', 'HTTP/1.0 without Host', `GET /health HTTP/1.0\r\nAuthorization: Bearer ${token}\r\n\r\n`, 400, 'host_required'),
  answers('B015', 'HTTP/0.9', 'GET /health\r\n\r\n', 400),
  answers('B016', 'an empty Host', host(''), 403, 'host_not_allowed'),
  ...['127.0.0.1.evil.com:{port}', 'localhost.evil.com:{port}'].map((name) => hostRow('B018', name, 403)),
  ...['0.0.0.0:{port}', '0:{port}', '127.1:{port}', '2130706433:{port}', '0x7f.1:{port}', '127.0.0.2:{port}'].map((name) =>
    hostRow('B019', name, 403),
  ),
  ...['[::ffff:127.0.0.1]:{port}', '[::]:{port}'].map((name) => hostRow('B020', name, 403)),
  ...['127.0.0.1:1', '127.0.0.1'].map((name) => hostRow('B021', name, 403)),
  hostRow('B022', 'LOCALHOST:{port}', 200),
  hostRow('B022', 'localhost.:{port}', 403),
  ...['a b', '127.0.0.1:{port}@evil', 'user@127.0.0.1:{port}'].map((name) => hostRow('B024', name, [400, 403])),
  answers('B025', 'a target in absolute form', get('http://evil.com/health'), 400, 'invalid_request'),
  answers('B026', 'OPTIONS *', raw('OPTIONS', '*'), 400, 'invalid_request'),
  answers('B027', 'a path that begins with //', get('//evil.com/sessions'), 404, 'not_found'),
  answers('B028', 'X-Forwarded-Host', get('/health', [['X-Forwarded-Host', 'evil.com']]), 200),
  answers('B030', 'an allowed proxy', host('hub.example'), 200),
  answers('B030', 'the name of an allowed proxy and more', host('hub.example.evil'), 403, 'host_not_allowed'),
]

function hostRow(id: string, name: string, status: number | readonly number[]): Row {
  return {
    id,
    name: `Host: ${name}`,
    async check({ guarded }) {
      const { port } = new URL(guarded.client.url)
      expect([status].flat()).toContain((await send(guarded, host(name.replace('{port}', port))))?.status)
    },
  }
}

const site = (value: string) => [['Sec-Fetch-Site', value]] as const

const originIds: Readonly<Record<string, string>> = { null: 'B032', '': 'B036', garbage: 'B036' }

/** 5.3: from which page. */
export const originRows: readonly Row[] = [
  ...['GET', 'POST', 'HEAD', 'OPTIONS'].map((method) =>
    answers('B031', `${method} from another origin`, raw(method, '/sessions', [['Origin', 'https://evil.com']]), 403, 'origin_not_allowed'),
  ),
  ...['null', 'http://127.0.0.1:1', 'http://localhost:3000', '', 'garbage'].map((value) =>
    answers(originIds[value] ?? 'B033', `Origin: ${value}`, get('/health', [['Origin', value]]), 403, 'origin_not_allowed'),
  ),
  answers('B034', 'the own origin', get('/health', [['Origin', 'http://{host}']]), 200),
  answers('B037', 'Sec-Fetch-Site: cross-site', get('/health', site('cross-site')), 403, 'cross_site_blocked'),
  answers('B038', 'Sec-Fetch-Site: same-site', get('/health', site('same-site')), 403, 'cross_site_blocked'),
  answers('B039', 'a typed address', get('/health', [...site('none'), ['Sec-Fetch-Mode', 'navigate']]), 200),
  answers('B039', 'a typed address without the token', get('/health', [...site('none'), ...none]), 401, 'unauthorized'),
  {
    id: 'B040',
    name: 'a preflight from another origin',
    async check({ guarded }) {
      const answer = await send(
        guarded,
        raw('OPTIONS', '/sessions', [
          ['Origin', 'https://evil.com'],
          ['Access-Control-Request-Method', 'POST'],
        ]),
      )
      expect(answer?.status).toBe(403)
      expect(Object.keys(answer?.headers ?? {}).filter((name) => name.startsWith('access-control-'))).toEqual([])
    },
  },
  answers('B042', 'Referer of another site', get('/health', [['Referer', 'https://evil.com/']]), 403, 'origin_not_allowed'),
  answers('B042', 'Referer of an allowed site', get('/health', [['Referer', 'https://hub.example/page']]), 200),
  answers(
    'B043',
    'text/plain from the own origin',
    post('/sessions', '{}', [
      ['Origin', 'http://{host}'],
      ['Content-Type', 'text/plain'],
    ]),
    415,
    'unsupported_media_type',
  ),
  answers(
    'B043',
    'text/plain from another origin',
    post('/sessions', '{}', [
      ['Origin', 'https://evil.com'],
      ['Content-Type', 'text/plain'],
    ]),
    403,
    'origin_not_allowed',
  ),
  answers('B043', 'text/plain from no browser', post('/sessions', '{}', [['Content-Type', 'text/plain']]), 201),
  ...['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].map((type) =>
    answers(
      'B044',
      `${type} from a browser`,
      post('/sessions', '{}', [...site('same-origin'), ['Content-Type', type]]),
      415,
      'unsupported_media_type',
    ),
  ),
  {
    id: 'B160',
    name: 'markup in the path of an error stays JSON',
    async check({ guarded }) {
      const answer = await send(guarded, get(`/<script>${canary}</script>`, [['Accept', 'text/html']]))
      expectProblem(answer, 'not_found')
      expect(answer?.body).not.toContain(canary)
    },
  },
]
