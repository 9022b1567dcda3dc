import type { ServerResponse } from 'node:http'
import type { Dialect } from '../core/enclosure.ts'

/** A request that the gateway answers itself. Its message is for the agent and whoever reads along. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** Answers with an error as the dialect words it, so that the agent takes it for what it is. */
export function sendRefusal(response: ServerResponse, dialect: Dialect | null, { status, message }: Refusal): void {
  const body = JSON.stringify(toBody(dialect, status, message))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function toBody(dialect: Dialect | null, status: number, message: string): object {
  switch (dialect) {
    case 'messages':
      return { type: 'error', error: { type: typesOfMessages[status] ?? 'api_error', message } }
    case 'generate_content':
      return { error: { code: status, message, status: namesOfGoogle[status] ?? 'UNKNOWN' } }
    case 'mcp':
      return { jsonrpc: '2.0', id: null, error: { code: -32_000, message } }
    case 'responses':
    case 'chat_completions':
    case null:
      return {
        error: {
          message,
          type: status >= 500 ? 'server_error' : 'invalid_request_error',
          param: null,
          code: codesOfOpenAi[status] ?? null,
        },
      }
    default:
      return dialect satisfies never
  }
}

const typesOfMessages: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  504: 'timeout_error',
}

const namesOfGoogle: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  502: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

const codesOfOpenAi: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  403: 'not_allowed',
  502: 'model_unreachable',
  504: 'model_unreachable',
}
