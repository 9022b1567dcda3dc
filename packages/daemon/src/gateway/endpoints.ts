import type { Dialect } from '../core/enclosure.ts'

/** In which words an answer of a model tells its tokens. */
export type Wording = 'messages' | 'responses' | 'chat_completions' | 'generate_content'

/** One thing that an agent may ask for on a route. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the route. `{version}` is a version of the API, or nothing where the base URL ends in one; `{model}` the name of a model. */
  readonly path: string
  /** What a call of the model answers in; null where no model is called. */
  readonly call: Wording | null
}

/** What was asked for. */
export interface Asked {
  readonly endpoint: Endpoint
  /** The model, where the path names it. */
  readonly model: string | null
}

const openAi: readonly Endpoint[] = [
  { method: 'POST', path: '{version}/responses', call: 'responses' },
  { method: 'POST', path: '{version}/responses/compact', call: 'responses' },
  { method: 'POST', path: '{version}/chat/completions', call: 'chat_completions' },
  { method: 'POST', path: '{version}/completions', call: 'chat_completions' },
  { method: 'GET', path: '{version}/models', call: null },
  { method: 'GET', path: '{version}/models/{model}', call: null },
]

/** All that agents may do with a key that they do not hold: whatever is not listed here is refused. */
export const endpoints: Readonly<Record<Dialect, readonly Endpoint[]>> = {
  messages: [
    { method: 'POST', path: '{version}/messages', call: 'messages' },
    { method: 'POST', path: '{version}/messages/count_tokens', call: null },
    { method: 'GET', path: '{version}/models', call: null },
    { method: 'GET', path: '{version}/models/{model}', call: null },
  ],
  responses: openAi,
  chat_completions: openAi,
  generate_content: [
    { method: 'POST', path: '{version}/models/{model}:generateContent', call: 'generate_content' },
    { method: 'POST', path: '{version}/models/{model}:streamGenerateContent', call: 'generate_content' },
    { method: 'POST', path: '{version}/models/{model}:countTokens', call: null },
    { method: 'POST', path: '{version}/models/{model}:embedContent', call: null },
    { method: 'POST', path: '{version}/models/{model}:batchEmbedContents', call: null },
    { method: 'GET', path: '{version}/models', call: null },
    { method: 'GET', path: '{version}/models/{model}', call: null },
  ],
  mcp: [
    { method: 'POST', path: '', call: null },
    { method: 'GET', path: '', call: null },
    { method: 'DELETE', path: '', call: null },
  ],
}

// Taken literally, character by character: nothing that is encoded, no empty segment and no `..` can fit.
const parts: Readonly<Record<string, string>> = {
  version: '(?:/v1(?:alpha|beta)?)?',
  model: '(?<model>[A-Za-z0-9][A-Za-z0-9._@-]*)',
}
const compiled: ReadonlyMap<Endpoint, RegExp> = new Map(
  Object.values(endpoints)
    .flat()
    .map((endpoint) => [endpoint, toPattern(endpoint.path)]),
)

/** What is asked for by this method and path; null where it is not allowed. */
export function findEndpoint(dialect: Dialect, method: string, path: string): Asked | null {
  for (const endpoint of endpoints[dialect]) {
    const match = endpoint.method === method ? compiled.get(endpoint)?.exec(path) : null
    if (match != null) return { endpoint, model: match.groups?.['model'] ?? null }
  }
  return null
}

/** What a person reads who asked for something else. */
export function toAllowed(dialect: Dialect): string {
  return endpoints[dialect].map(({ method, path }) => `${method} ${path || 'the URL itself'}`).join(', ')
}

function toPattern(path: string): RegExp {
  const pieces = path.split(/\{(\w+)\}/).map((piece, index) => (index % 2 === 1 ? (parts[piece] ?? '') : RegExp.escape(piece)))
  return new RegExp(`^${pieces.join('')}$`)
}
