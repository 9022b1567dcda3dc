import * as fc from 'fast-check'
import type { ApiDocument, Operation } from './document.ts'
import { fieldOf, LIVING, trouble } from './values.ts'

/** One request as it is thought of: what lives is not named in it yet, so that it means the same at another time. */
export interface Wish {
  readonly operation: Operation
  /** Which of those that live. */
  readonly pick: number
  readonly method: string
  readonly path: Readonly<Record<string, unknown>>
  /** Put behind the path as it is. */
  readonly suffix: string
  readonly query: readonly (readonly [string, unknown])[]
  readonly headers: readonly (readonly [string, unknown])[]
  readonly body: Body
}

/** `text`: the JSON as text, changed by hand afterwards. `bytes`: of each character the lowest eight bits. */
export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly value: unknown; readonly flaw: TextFlaw }
  | { readonly kind: 'bytes'; readonly bytes: string }

type TextFlaw = 'truncated' | 'twice' | 'doubled key' | 'bom' | 'infinite' | 'long number' | 'invalid utf-8' | 'deep' | 'padded' | 'gzip'

const odd = fc.oneof(
  trouble,
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(null, -1, 1.5, 2 ** 53, true, [], {}, [[]], 'x'.repeat(100_000)),
)
const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'LINK')
const suffixes = fc.constantFrom(
  '/',
  '//',
  '/x',
  '%00',
  '%ff',
  '%zz',
  ';a=b',
  '?',
  '?a',
  '?&&=',
  '??',
  '#x',
  '/..',
  '%2f..',
  '?limit=1&limit=2',
  '?%ff=%fe',
  `?x=${'y'.repeat(8_000)}`,
)

/** Headers that change what is read and answered, right and wrong. */
const headers: fc.Arbitrary<readonly [string, unknown]> = fc.oneof(
  ...Object.entries({
    accept: ['text/event-stream', '*/*', 'text/event-stream;q=0', 'application/xml', ''],
    'content-type': [
      'text/plain',
      'application/json; charset=utf-16',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'x',
      '',
    ],
    'content-encoding': ['gzip', 'identity', 'br', 'x'],
    origin: ['https://evil.example', 'null', 'http://{host}', ''],
    referer: ['https://evil.example/', 'http://{host}/docs', 'x'],
    'sec-fetch-site': ['cross-site', 'same-origin', 'none', 'x'],
    'sec-fetch-mode': ['navigate', 'cors'],
    range: [
      'bytes=0-0',
      'bytes=-5',
      'bytes=5-',
      'bytes=9-1',
      'bytes=0-0,1-1',
      'bytes=99999999999-',
      'bytes=abc',
      'x=0-1',
      'bytes=-0',
      'bytes=',
    ],
    'if-range': ['"x"', '{etag}', 'Wed, 21 Oct 2026 07:28:00 GMT'],
    'if-none-match': ['*', '"x"', 'W/"x", {etag}', '{etag}', 'x'],
    'last-event-id': ['0', '1', '5', '-1', 'x', '99999999', '{cursor}', 'another.1', '{cursor}0', '9007199254740993'],
    'idempotency-key': ['one', 'two', '', 'x'.repeat(300), '\u00ff'],
    traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0', 'x', ''],
    authorization: ['Bearer x', 'Basic eDp5', 'Bearer'],
    expect: ['100-continue', 'the-unexpected'],
    host: ['evil.example', '', '127.0.0.1', 'localhost'],
    'x-forwarded-host': ['evil.example'],
    cookie: ['token=x'],
    'accept-encoding': ['gzip, br'],
    prefer: ['wait=5'],
    'x-http-method-override': ['DELETE'],
  }).map(([name, values]) => fc.constantFrom(...values).map((value) => [name, value] as const)),
)

const faults = fc.oneof(
  { weight: 6, arbitrary: fc.constant<readonly Fault[]>([]) },
  {
    weight: 5,
    arbitrary: fc.subarray<Fault>(['method', 'suffix', 'path', 'query', 'header', 'field', 'extra', 'field', 'text', 'bytes'], {
      minLength: 1,
      maxLength: 2,
    }),
  },
)
type Fault = 'method' | 'suffix' | 'path' | 'query' | 'header' | 'field' | 'extra' | 'text' | 'bytes'

/** Operations that cost much, end what lives, or stop the fun: less often than others. */
const rare: Readonly<Record<string, number>> = {
  verifyRuntime: 1,
  deleteSession: 20,
  getSupportBundle: 20,
  getDocs: 20,
  getOpenApi: 20,
  createSession: 80,
}

/** Requests to these operations; to all of the document where none are named. */
export function wishes(document: ApiDocument, operations: readonly Operation[] = document.operations): fc.Arbitrary<Wish> {
  return fc.oneof(
    ...operations.map((operation) => ({ weight: rare[operation.operationId] ?? 60, arbitrary: wishesFor(document, operation) })),
  )
}

function wishesFor(document: ApiDocument, operation: Operation): fc.Arbitrary<Wish> {
  const at = (place: string) => operation.parameters.filter((one) => one.in === place)
  const path = Object.fromEntries(
    at('path').map(({ name, schema }) => [
      name,
      fc.oneof({ weight: 12, arbitrary: fc.constant(LIVING) }, { weight: 1, arbitrary: fieldOf(document, name, schema) }),
    ]),
  )
  const optional = at('query').map(({ name, schema }) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fieldOf(document, name, schema).map((value): readonly (readonly [string, unknown])[] => [[name, value]]) },
    ),
  )
  const own = at('header').map(({ name }) =>
    fc.oneof(
      fc.constant([]),
      headers.filter(([one]) => one === name.toLowerCase()).map((one) => [one]),
    ),
  )
  return fc
    .record({
      pick: fc.nat(1_000),
      path: fc.record(path),
      query: fc.tuple(...optional).map((parts) => parts.flat()),
      headers: fc.tuple(...own).map((parts) => parts.flat()),
      value: operation.body === null ? fc.constant(undefined) : fieldOf(document, '', operation.body),
      faults,
      flaw: flaws,
      chaos,
    })
    .map(({ faults: chosen, flaw, chaos: what, value, ...wish }) =>
      spoil({ operation, method: operation.method, suffix: '', body: toBody(value), ...wish }, chosen, flaw, what),
    )
}

const flaws = fc.constantFrom<TextFlaw>(
  'truncated',
  'twice',
  'doubled key',
  'bom',
  'infinite',
  'long number',
  'invalid utf-8',
  'deep',
  'padded',
  'gzip',
)

/** What the faults draw from. */
const chaos = fc.record({
  method: methods,
  suffix: suffixes,
  text: trouble,
  odd,
  where: fc.nat(100),
  header: headers,
  bytes: fc.string({ unit: 'binary', maxLength: 60 }),
})
type Chaos = typeof chaos extends fc.Arbitrary<infer T> ? T : never

function toBody(value: unknown): Body {
  return value === undefined ? { kind: 'none' } : { kind: 'json', value }
}

function spoil(wish: Wish, chosen: readonly Fault[], flaw: TextFlaw, what: Chaos): Wish {
  return chosen.reduce<Wish>((one, fault) => {
    const value = one.body.kind === 'json' ? one.body.value : {}
    switch (fault) {
      case 'method':
        return { ...one, method: what.method }
      case 'suffix':
        return { ...one, suffix: what.suffix }
      case 'path':
        return { ...one, path: replaceOne(one.path, what.where, what.text) }
      case 'query':
        return { ...one, query: [...one.query, ...spoiledQuery(one, what)] }
      case 'header':
        return { ...one, headers: [...one.headers, what.header] }
      case 'field':
        return { ...one, body: { kind: 'json', value: replaceDeep(value, what.where, what.odd) } }
      case 'extra':
        return { ...one, body: { kind: 'json', value: withField(value, what.text, what.odd) } }
      case 'text':
        return { ...one, body: { kind: 'text', value, flaw } }
      case 'bytes':
        return { ...one, body: { kind: 'bytes', bytes: what.bytes } }
      default:
        fault satisfies never
        return one
    }
  }, wish)
}

/** A parameter that the operation knows, with a value that is none, or one more time. */
function spoiledQuery({ operation, query }: Wish, { where, text }: Chaos): readonly (readonly [string, unknown])[] {
  const known = operation.parameters.filter((one) => one.in === 'query')
  const name = known[where % Math.max(1, known.length)]?.name ?? text
  return [[name, text], ...(where % 5 === 0 ? query : [])]
}

function replaceOne(fields: Readonly<Record<string, unknown>>, where: number, value: unknown): Record<string, unknown> {
  const names = Object.keys(fields)
  return Object.fromEntries(names.map((name, at) => [name, at === where % names.length ? value : fields[name]]))
}

/** The value with one of its members, at any depth, replaced; itself where it has none. */
function replaceDeep(value: unknown, where: number, odd: unknown): unknown {
  if (typeof value !== 'object' || value === null) return odd
  const names = Object.keys(value)
  if (names.length === 0) return odd
  const at = where % names.length
  const replace = (member: unknown, index: number) => (index !== at ? member : where % 3 === 0 ? replaceDeep(member, where >> 1, odd) : odd)
  if (Array.isArray(value)) return value.map(replace)
  return Object.fromEntries(Object.entries(value).map(([name, member], index) => [name, replace(member, index)]))
}

/** An own property even of the name `__proto__`. */
function withField(value: unknown, name: string, odd: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { [name]: odd }
  return Object.fromEntries([...Object.entries(value), [name, odd]])
}
