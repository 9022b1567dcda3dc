import type { BrowserName } from './browser.ts'

/** Where the page of the attacker is when it attacks. */
export type Standing =
  /** An origin with nothing in common with the server. */
  | 'cross-site'
  /** Another port of the server's own address, as any other local program could serve. */
  | 'same-site'
  /** A frame with no origin at all. */
  | 'sandboxed'
  /** The server's own port under a name of the attacker, which now leads to this machine. */
  | 'rebound'
  /** An origin that `--allow-origin` names. */
  | 'allowed'

export interface Attack {
  readonly name: string
  /** The function in page/attacks.js that does it. */
  readonly run: string
  readonly args: Readonly<Record<string, unknown>>
  /**
   * What it does to a server without gates: the page gets to know something (`learns`), something changes (`acts`), or no more than a
   * request comes (`asks`).
   */
  readonly does: 'learns' | 'acts' | 'asks'
  /** Whether the daemon gets to see it, so that it must count it as refused. */
  readonly counted: boolean
  /** Whether the daemon that allows the origin lets it. */
  readonly granted: boolean
  readonly standings: readonly Standing[]
  readonly browsers: readonly BrowserName[]
}

const anywhere: readonly Standing[] = ['cross-site', 'same-site', 'sandboxed']
const withOrigin: readonly Standing[] = ['cross-site', 'same-site']
/** What only a page that is seen asks for; once windows have covered it, it is not. */
const whileSeen: Partial<Attack> = { standings: ['cross-site'] }

function attack(does: Attack['does'], name: string, run: string, args: Attack['args'] = {}, more: Partial<Attack> = {}): Attack {
  return { name, run, args, does, counted: true, granted: false, standings: anywhere, browsers: ['chromium', 'firefox'], ...more }
}

const json = { 'content-type': 'application/json' }
const post = { path: 'approve', method: 'POST' } as const

const reading: readonly Attack[] = [
  attack('learns', 'fetch', 'fetch'),
  attack('learns', 'fetch with credentials', 'fetch', { init: { credentials: 'include' } }),
  attack('learns', 'fetch with a header of its own', 'fetch', { init: { headers: { 'x-own': '1' } } }),
  attack('learns', 'fetch with a guessed token', 'fetch', { init: { headers: { authorization: 'Bearer guessed' } } }),
  attack('learns', 'fetch without a referrer', 'fetch', { init: { referrerPolicy: 'no-referrer' } }),
  attack('learns', 'fetch by way of a redirect', 'fetch', { via: 'redirect' }),
  attack('asks', 'fetch in mode no-cors', 'fetch', { init: { mode: 'no-cors' } }),
  attack('asks', 'fetch in mode no-cors with credentials', 'fetch', { init: { mode: 'no-cors', credentials: 'include' } }),
  attack('asks', 'fetch that outlives its page', 'fetch', { init: { mode: 'no-cors', keepalive: true } }),
  attack('learns', 'XMLHttpRequest', 'xhr'),
  attack('learns', 'XMLHttpRequest that blocks', 'xhr', { sync: true }),
  attack('learns', 'EventSource', 'eventSource'),
  attack('learns', 'EventSource with credentials', 'eventSource', { credentials: true }),
  attack('learns', 'WebSocket', 'socket', {}, { counted: false }),
  attack('learns', 'a script', 'script'),
  attack('learns', 'a script by CORS', 'script', { more: { crossorigin: 'use-credentials' } }),
  attack('learns', 'a module', 'importModule'),
  attack('learns', 'a module of JSON', 'importModule', { json: true }),
  attack('learns', 'a style sheet', 'styleSheet'),
  attack('learns', 'a style sheet that imports', 'styleSheet', { imported: true }),
  attack('learns', 'the size of an image', 'image'),
  attack('learns', 'the pixels of an image', 'image', { crossOrigin: 'anonymous', pixels: true }),
  attack('learns', 'a worker that fetches', 'worker', { how: 'fetch' }),
  attack('learns', 'a worker that imports a script', 'worker', { how: 'importScripts' }),
  attack('learns', 'a shared worker that fetches', 'worker', { how: 'fetch', shared: true }, { standings: withOrigin }),
  attack('learns', 'a service worker that fetches', 'serviceWorker', {}, { standings: ['same-site'] }),
]

const embedding: readonly Attack[] = [
  ...(
    [
      ['img', 'src'],
      ['input', 'src', { type: 'image' }],
      ['video', 'poster'],
      ['embed', 'src'],
      ['object', 'data'],
      ['iframe', 'src'],
      ['script', 'src'],
      ['script', 'src', { type: 'module' }],
    ] as const
  ).map(([tag, attribute, more]) =>
    attack('asks', `<${tag} ${attribute}${more === undefined ? '' : ` type=${more.type}`}>`, 'embed', { tag, attribute, more }),
  ),
  attack('asks', '<img referrerpolicy=no-referrer>', 'embed', { tag: 'img', attribute: 'src', more: { referrerpolicy: 'no-referrer' } }),
  attack('asks', '<img referrerpolicy=unsafe-url>', 'embed', { tag: 'img', attribute: 'src', more: { referrerpolicy: 'unsafe-url' } }),
  attack('asks', '<iframe referrerpolicy=no-referrer>', 'embed', {
    tag: 'iframe',
    attribute: 'src',
    more: { referrerpolicy: 'no-referrer' },
  }),
  attack('asks', '<svg image href>', 'embed', { tag: 'image', attribute: 'href', inside: 'svg' }),
  attack('asks', '<link rel=preload>', 'embed', { tag: 'link', attribute: 'href', more: { rel: 'preload', as: 'script' } }),
  attack('asks', '<link rel=modulepreload>', 'embed', { tag: 'link', attribute: 'href', more: { rel: 'modulepreload' } }),
  attack('asks', '<link rel=prefetch>', 'embed', { tag: 'link', attribute: 'href', more: { rel: 'prefetch' } }),
  attack('asks', '<video src>', 'embed', { tag: 'video', attribute: 'src' }, whileSeen),
  attack('asks', '<audio src>', 'embed', { tag: 'audio', attribute: 'src' }, whileSeen),
  attack('asks', 'a background in CSS', 'styleAsks', { css: '.NAME { display: block; background: url("URL") }' }, whileSeen),
  attack(
    'asks',
    'a font',
    'styleAsks',
    { css: '@font-face { font-family: NAME; src: url("URL") } .NAME { font-family: NAME }' },
    whileSeen,
  ),
]

const framing: readonly Attack[] = [
  attack('learns', 'a document in <iframe>', 'frame', { tag: 'iframe' }),
  // Plugins, for which these two are, are shut out of a sandbox.
  ...['object', 'embed'].map((tag) => attack('learns', `a document in <${tag}>`, 'frame', { tag }, { standings: withOrigin })),
  attack('learns', 'a document in a frame that asks for no referrer', 'frame', { more: { referrerpolicy: 'no-referrer' } }),
  attack('learns', 'a document in a frame with a sandbox', 'frame', { more: { sandbox: 'allow-scripts' } }),
  attack('learns', 'a document in a frame, by way of a redirect', 'frame', { via: 'redirect' }),
  attack('learns', 'a document in a frame, by <meta refresh>', 'frame', { via: 'refresh' }),
  attack('learns', 'a window', 'popup', {}),
  attack('learns', 'a window, by way of a redirect', 'popup', { via: 'redirect' }),
  attack('learns', 'a window, by <meta refresh>', 'popup', { via: 'refresh' }),
]

const types = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']

const acting: readonly Attack[] = [
  ...types.map((type) =>
    attack('acts', `JSON as ${type}`, 'fetch', { ...post, init: { method: 'POST', headers: { 'content-type': type } } }),
  ),
  ...types.map((type) =>
    attack('acts', `JSON as ${type} in mode no-cors`, 'fetch', {
      ...post,
      init: { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': type } },
    }),
  ),
  attack('acts', 'JSON of no type', 'fetch', { ...post, typeless: true, init: { method: 'POST', mode: 'no-cors' } }),
  attack('acts', 'JSON as application/json', 'fetch', { ...post, init: { method: 'POST', headers: json } }),
  attack('acts', 'JSON without a referrer', 'fetch', { ...post, init: { method: 'POST', mode: 'no-cors', referrerPolicy: 'no-referrer' } }),
  attack('acts', 'JSON that outlives its page', 'fetch', { ...post, init: { method: 'POST', mode: 'no-cors', keepalive: true } }),
  attack('acts', 'XMLHttpRequest that posts', 'xhr', { ...post, type: 'text/plain' }),
  attack('acts', 'XMLHttpRequest that posts and blocks', 'xhr', { ...post, type: 'text/plain', sync: true }),
  attack('acts', 'PATCH', 'fetch', { path: 'session', init: { method: 'PATCH', headers: json } }),
  attack('acts', 'PUT', 'fetch', { path: 'session', init: { method: 'PUT', headers: json } }),
  attack('acts', 'DELETE', 'fetch', { path: 'session', init: { method: 'DELETE' } }),
  attack('acts', 'a beacon', 'beacon'),
  attack('acts', 'a form of text/plain that spells JSON', 'form', { enctype: 'text/plain' }),
  attack(
    'acts',
    'a form of text/plain that spells JSON, in a window',
    'form',
    { enctype: 'text/plain', target: 'window' },
    { standings: withOrigin },
  ),
  attack('asks', 'a form', 'form'),
  attack('asks', 'a form of multipart/form-data', 'form', { enctype: 'multipart/form-data' }),
  attack('asks', 'a form that names another method', 'form', { path: 'session', fields: { _method: 'DELETE' } }),
  attack('asks', 'a form that asks by GET', 'form', { method: 'get', path: 'json' }),
  attack('asks', '<a ping>', 'ping', {}, { browsers: ['chromium'], standings: withOrigin }),
  attack('asks', 'a report of a policy', 'ownPage', { name: 'report', path: 'approve' }),
  attack('asks', '<base href>', 'ownPage', { name: 'base', path: 'json' }),
]

const telling: readonly Attack[] = [
  attack('learns', 'what exists, by image', 'oracle', { probe: 'image', there: 'image' }),
  attack('learns', 'what exists, by script', 'oracle', { probe: 'script', there: 'script' }),
  attack('learns', 'what exists, by style', 'oracle', { probe: 'style', there: 'style' }),
  attack('learns', 'what exists, by object', 'oracle', { probe: 'object', there: 'page' }),
]

/** Other names of this machine: whether a daemon that listens on 127.0.0.1 gets to hear of it. Both browsers refuse 0.0.0.0 by themselves. */
const names: Readonly<Record<string, boolean>> = {
  localhost: true,
  'app.localhost': true,
  '127.1': true,
  '2130706433': true,
  '0x7f.1': true,
  '127.0.0.2': false,
  '[::1]': false,
  '[::ffff:127.0.0.1]': true,
  'direct.example': true,
}
const naming: readonly Attack[] = Object.entries(names).flatMap(([host, counted]) => {
  const more: Partial<Attack> = { counted, standings: withOrigin, ...(host === '[::ffff:127.0.0.1]' ? { browsers: ['chromium'] } : {}) }
  return [
    attack('learns', `fetch by the name ${host}`, 'fetch', { host }, more),
    attack('acts', `JSON by the name ${host}`, 'fetch', { ...post, host, init: { method: 'POST', mode: 'no-cors' } }, more),
  ]
})

/** What the rules between origins allow a page that has come by the name and port of the server itself. */
const rebinding: readonly Attack[] = [
  attack('learns', 'rebound: fetch', 'fetch'),
  attack('acts', 'rebound: JSON as application/json', 'fetch', { ...post, init: { method: 'POST', headers: json } }),
  attack('acts', 'rebound: PATCH', 'fetch', { path: 'session', init: { method: 'PATCH', headers: json } }),
  attack('acts', 'rebound: DELETE', 'fetch', { path: 'session', init: { method: 'DELETE' } }),
  attack('acts', 'rebound: a form of text/plain that spells JSON', 'form', { enctype: 'text/plain' }),
  attack('learns', 'rebound: XMLHttpRequest', 'xhr'),
  attack('learns', 'rebound: EventSource', 'eventSource'),
  attack('learns', 'rebound: WebSocket', 'socket', {}, { counted: false }),
  attack('learns', 'rebound: a script', 'script'),
  attack('learns', 'rebound: a module', 'importModule'),
  attack('learns', 'rebound: a style sheet', 'styleSheet'),
  attack('learns', 'rebound: the pixels of an image', 'image', { pixels: true }),
  attack('learns', 'rebound: a worker', 'worker', { how: 'fetch' }),
  attack('learns', 'rebound: the document in a frame', 'ownFrame'),
  attack('learns', 'rebound: the document in a window', 'ownPopup', {}, { browsers: ['chromium'] }),
].map((one) => ({ ...one, standings: ['rebound'] as const }))

/** What a page of an allowed origin may do, and what no page may. */
const allowed: readonly Attack[] = [
  attack('learns', 'allowed: fetch', 'fetch', {}, { granted: true }),
  attack('learns', 'allowed: fetch that asks before', 'fetch', { init: { headers: json } }, { granted: true }),
  attack('learns', 'allowed: EventSource', 'eventSource', {}, { granted: true }),
  attack('learns', 'allowed: a script', 'script'),
  attack('learns', 'allowed: the size of an image', 'image'),
  attack('learns', 'allowed: a document in <iframe>', 'frame'),
  attack('learns', 'allowed: a window', 'popup'),
].map((one) => ({ ...one, standings: ['allowed'] as const }))

/** Everything that a page can do to a server that it should not talk to. */
export const attacks: readonly Attack[] = [...reading, ...embedding, ...framing, ...acting, ...telling, ...naming, ...rebinding, ...allowed]
