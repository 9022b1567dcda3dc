import type * as z from 'zod'
import { problems, type ProblemCode, type Verb } from '@codesdkd/protocol'
import { readObject } from './body.ts'
import { toSnakeCase } from './casing.ts'
import { recase } from './recase.ts'
import type { HttpLimits } from './context.ts'
import type { Exchange } from './exchange.ts'
import type { OwnContext } from './own-context.ts'
import { toInvalid } from './problem-reply.ts'
import { parseQuery } from './query.ts'
import { json, type Reply } from './reply.ts'

/** `/sessions/{session_id}/tasks` -> `{ session_id: string }`. */
export type PathParams<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [K in Name]: string } & PathParams<Rest>
  : unknown

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** One endpoint, told once: routing, validation, `Allow`, HEAD and the OpenAPI document are read from it. */
export type Route = Endpoint & Gate

interface Endpoint extends RouteText {
  readonly method: Method
  readonly path: string
  readonly query: z.ZodObject | undefined
  readonly body: z.ZodObject | undefined
  readonly success: Success
  run(params: Readonly<Record<string, string>>, exchange: Exchange, context: OwnContext): Promise<Reply>
}

interface RouteText {
  readonly operationId: string
  readonly tag: 'daemon' | 'runtimes' | 'sessions' | 'events' | 'tasks' | 'approvals' | 'tools' | 'artifacts'
  readonly summary: string
  readonly description?: string
  /** Request headers that it honours, and what they do. */
  readonly requestHeaders?: Readonly<Record<string, string>>
  /** What it may answer besides the failures that any route may have. */
  readonly errors?: readonly ProblemCode[]
  /** Begins something new: refused while the daemon shuts down. */
  readonly startsWork?: true
}

/** Who may: whoever has the verb; or anybody, where it is a static file that holds nothing of the user's. */
type Gate = { readonly verb: Verb; readonly open?: never } | { readonly open: true; readonly verb?: never }

/** The answer when all is well: media type -> schema of the content (null where it is bytes). */
export interface Success {
  readonly status: 200 | 201 | 202 | 204
  readonly description: string
  readonly content: Readonly<Record<string, z.ZodType | null>>
  readonly headers?: Readonly<Record<string, string>>
}

type Shape<S extends z.ZodObject | undefined> = S extends z.ZodObject ? z.output<S> : undefined

export interface Input<Path extends string, Q extends z.ZodObject | undefined, B extends z.ZodObject | undefined> {
  readonly params: PathParams<Path>
  readonly query: Shape<Q>
  readonly body: Shape<B>
  readonly exchange: Exchange
  readonly context: OwnContext
}

type Declared<Path extends string, Q extends z.ZodObject | undefined, B extends z.ZodObject | undefined> = Declaration<Path, Q, B> & Gate

interface Declaration<Path extends string, Q extends z.ZodObject | undefined, B extends z.ZodObject | undefined> extends RouteText {
  readonly method: Method
  readonly path: Path
  readonly query?: Q
  readonly body?: B
  /** Which limit holds for the body. */
  readonly bodyLimit?: keyof Pick<HttpLimits, 'bodyBytes' | 'taskBodyBytes'>
}

/** Declares an endpoint that answers one JSON value. */
export function route<
  const Path extends string,
  R extends z.ZodType,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodObject | undefined = undefined,
>(
  spec: Declared<Path, Q, B> & {
    readonly status?: Success['status']
    readonly returns: R
    readonly responseHeaders?: Success['headers']
    handle(input: Input<Path, Q, B>): Answer<z.output<R>> | Promise<Answer<z.output<R>>>
  },
): Route {
  const status = spec.status ?? 200
  return rawRoute<Path, Q, B>({
    ...spec,
    success: {
      status,
      description: spec.summary,
      content: { 'application/json': spec.returns },
      ...(spec.responseHeaders === undefined ? {} : { headers: spec.responseHeaders }),
    },
    async handle(input) {
      const { value, headers } = await spec.handle(input)
      return json(status, value, headers)
    },
  })
}

export interface Answer<T> {
  readonly value: T
  readonly headers?: Readonly<Record<string, string>>
}

/** Declares an endpoint that answers something else than one JSON value. */
export function rawRoute<
  const Path extends string,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodObject | undefined = undefined,
>(spec: Declared<Path, Q, B> & { readonly success: Success; handle(input: Input<Path, Q, B>): Reply | Promise<Reply> }): Route {
  const { query, body, bodyLimit = 'bodyBytes' } = spec
  return {
    ...spec,
    query,
    body,
    async run(params, exchange, context) {
      const read = body === undefined ? undefined : await readFields(body, exchange, context.limits[bodyLimit])
      const input = {
        params,
        query: query === undefined ? undefined : check(query, parseQuery(exchange.query, Object.keys(query.shape))),
        body: read?.fields,
        exchange,
        context,
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where the declared types meet what their schemas have parsed
      const reply = await spec.handle(input as Input<Path, Q, B>)
      return read === undefined || read.ignored.length === 0 ? reply : withHeader(reply, 'x-codesdkd-ignored-fields', listed(read.ignored))
    },
  }
}

async function readFields(schema: z.ZodObject, exchange: Exchange, limit: number) {
  const { fields, ignored } = toSnakeCase(await readObject(exchange, limit), Object.keys(schema.shape))
  const recased = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, recase(schema.shape[name], value)]))
  return { fields: check(schema, recased), ignored }
}

function check(schema: z.ZodObject, value: unknown): z.output<z.ZodObject> {
  const result = schema.safeParse(value)
  if (!result.success) throw toInvalid(result.error)
  return result.data
}

function withHeader(reply: Reply, name: string, value: string): Reply {
  return { ...reply, headers: { ...reply.headers, [name]: value } }
}

/** Names as a header value: what a header cannot carry is percent-encoded, and no more than 200 characters are echoed. */
function listed(names: readonly string[]): string {
  return names
    .map((name) => encodeURIComponent(name.toWellFormed()))
    .join(', ')
    .slice(0, 200)
}

/** Failures that any route may answer: the gates', the parser's, the daemon's. */
export const commonErrors = [
  'invalid_request',
  'host_required',
  'unauthorized',
  'host_not_allowed',
  'origin_not_allowed',
  'cross_site_blocked',
  'user_not_allowed',
  'agent_not_allowed',
  'method_not_allowed',
  'headers_too_large',
  'request_timeout',
  'server_error',
  'resources_exhausted',
  'storage_unavailable',
] as const satisfies readonly ProblemCode[]

/** Failures of every route with a body. */
export const bodyErrors = ['invalid_json', 'payload_too_large', 'unsupported_media_type'] as const satisfies readonly ProblemCode[]

/** Codes by the status that they are answered with. */
export function errorsByStatus(one: Route): ReadonlyMap<number, readonly ProblemCode[]> {
  const codes = [
    ...commonErrors,
    ...(one.verb === undefined ? [] : ['verb_not_allowed' as const]),
    ...(one.body === undefined ? [] : bodyErrors),
    ...(one.errors ?? []),
  ]
  return Map.groupBy(new Set(codes), (code) => problems[code].status)
}
