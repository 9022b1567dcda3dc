import { isProblemCode, problems } from '@codesdkd/protocol'
import { createParser } from 'eventsource-parser'
import type { ApiDocument, Operation } from './document.ts'
import type { FuzzAnswer } from './exchange.ts'
import type { FuzzRequest } from './request.ts'

/** What any request may be answered with, whatever its path: the gates, the parser and the router speak. */
const anywhere: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 408, 413, 415, 431])

/** Says what is wrong with an answer; null when all is well. `reached` is the operation that the request arrived at, if at any. */
export function faultOf(
  document: ApiDocument,
  { method, target }: FuzzRequest,
  reached: Operation | undefined,
  answer: FuzzAnswer,
): string | null {
  const { status, headers, body } = answer
  const media = headers['content-type']?.split(';')[0] ?? ''
  if (status >= 500) return `a ${status}`
  const unsafe = unsafeHeaders(answer, reached)
  if (unsafe !== null) return unsafe
  if (method === 'HEAD') return body === '' ? null : 'a body for HEAD'
  if (status >= 400) return problemFault(answer, media) ?? undeclared(reached, status)
  if (reached === undefined) return `${status} for a path that is not in the document: ${target.slice(0, 100)}`
  return undeclared(reached, status) ?? contentFault(document, reached, answer, media)
}

function undeclared(reached: Operation | undefined, status: number): string | null {
  if (reached === undefined) return anywhere.has(status) ? null : `${status} where there is no operation`
  return status in reached.responses ? null : `${status} is not declared for ${reached.operationId}`
}

function unsafeHeaders({ status, headers }: FuzzAnswer, reached: Operation | undefined): string | null {
  const expected: Readonly<Record<string, RegExp>> = {
    'x-content-type-options': /^nosniff$/,
    'cross-origin-resource-policy': /^same-origin$/,
    'content-security-policy':
      status === 200 && (reached?.operationId === 'getDocs' || reached?.operationId === 'getInspector')
        ? /^default-src 'none'/
        : /^default-src 'none'; frame-ancestors 'none'; sandbox$/,
    // Its name changes with its content.
    'cache-control': reached?.operationId === 'getInspectorFile' && status === 200 ? /immutable$/ : /^no-store/,
    'referrer-policy': /^no-referrer$/,
    vary: /Origin/,
    'x-request-id': /^\S+$/,
  }
  const wrong = Object.entries(expected).find(([name, value]) => !value.test(String(headers[name] ?? '')))
  if (wrong !== undefined) return `the header ${wrong[0]} is ${String(headers[wrong[0]])}`
  const open = Object.keys(headers).find((name) => name.startsWith('access-control-'))
  return open === undefined ? null : `the header ${open}, although no origin is allowed`
}

function problemFault({ status, headers, body }: FuzzAnswer, media: string): string | null {
  if (media !== 'application/problem+json') return `${status} as ${media}`
  const problem = JSON.parse(body) as Readonly<Record<string, unknown>>
  const { error } = problem
  if (typeof error !== 'string' || !isProblemCode(error)) return `the error code ${String(error)}`
  if (problems[error].status !== status || problem['status'] !== status) return `${error} as ${status}`
  if (problem['type'] !== `urn:codesdkd:error:${error}` || problem['request_id'] !== headers['x-request-id'])
    return 'a problem of another shape'
  if (typeof problem['detail'] !== 'string' || problem['detail'] !== problem['message'] || typeof problem['title'] !== 'string')
    return 'a problem without words'
  if (status === 429 && !/^\d+$/.test(headers['retry-after'] ?? '')) return '429 without Retry-After'
  if (status === 405 && headers.allow === undefined) return '405 without Allow'
  return /node:internal|\.ts:\d+|\n\s+at /.test(body) ? 'a stack trace' : null
}

function contentFault(document: ApiDocument, reached: Operation, answer: FuzzAnswer, media: string): string | null {
  const { status, body } = answer
  if (status === 204 || status === 304) return body === '' ? null : `a body with ${status}`
  const declared = reached.responses[status]?.content ?? {}
  if (!(media in declared) && !('*/*' in declared)) return `${media} is not declared for ${reached.operationId}`
  if (media === 'text/event-stream') return streamFault(document, body)
  if (!media.endsWith('json') || '*/*' in declared) return null
  const value: unknown = JSON.parse(body)
  const check = document.answer(reached, status, media)
  if (check !== null && !check(value)) return `${JSON.stringify(check.errors?.[0])} in ${body.slice(0, 1_000)}`
  return reached.operationId === 'readEvents' ? eventsFault(document, value) : null
}

function eventsFault(document: ApiDocument, page: unknown): string | null {
  const { events } = page as { readonly events: readonly unknown[] }
  return events.map((event) => eventFault(document, event)).find((fault) => fault !== null) ?? null
}

function eventFault(document: ApiDocument, event: unknown): string | null {
  const { type } = event as { readonly type: string }
  const check = document.event(type)
  if (check === null) return `an event ${type} that the document does not know`
  return check(event) ? null : `${JSON.stringify(check.errors?.[0])} in ${JSON.stringify(event).slice(0, 1_000)}`
}

const controls: ReadonlySet<string> = new Set(['ready', 'resync', 'caught_up'])

/** The whole frames of a stream that may have been left in the middle. */
function streamFault(document: ApiDocument, body: string): string | null {
  let fault: string | null = null
  const parser = createParser({
    onEvent({ event, data }) {
      const value: unknown = JSON.parse(data)
      if (event !== undefined) fault ??= controls.has(event) ? null : `the frame ${event}`
      else fault ??= eventFault(document, value)
    },
    onError: (error) => (fault ??= String(error)),
  })
  parser.feed(body.slice(0, body.lastIndexOf('\n\n') + 2))
  return fault
}
