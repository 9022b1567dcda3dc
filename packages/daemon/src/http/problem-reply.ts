import type * as z from 'zod'
import { Problem } from '@codesdkd/protocol'
import { toField } from './body.ts'
import type { HttpContext } from './context.ts'
import { json, type Reply } from './reply.ts'

/** Answers a failure: a `Problem` as it is, anything else as a 500 that says nothing while the log says all. Damage to what is stored is logged too. */
export function toProblemReply(error: unknown, requestId: string, logger: HttpContext['logger']): Reply {
  const problem = toProblem(error)
  if (problem.code === 'server_error' || problem.code === 'resources_exhausted')
    logger.error({ err: error, request_id: requestId }, 'a request failed')
  if (problem.code === 'artifact_corrupt') logger.warn({ ...problem.members, request_id: requestId }, problem.message)
  return json(problem.status, problem.toBody(requestId), headersOf(problem))
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const lack = findLack(error)
  if (lack === null) return new Problem('server_error', 'The daemon failed. Its log tells more under this request_id.')
  return new Problem('resources_exhausted', `The system gave the daemon no more: ${lack}. It goes on by itself when some are given back.`)
}

/** What the system is out of, where that is why something failed. */
function findLack(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  if ('code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE')) return 'file descriptors'
  if ('code' in error && error.code === 'EAGAIN' && 'syscall' in error && String(error.syscall).startsWith('spawn')) return 'processes'
  if ('code' in error && error.code === 'ENOMEM') return 'memory'
  return findLack(error.cause)
}

function headersOf(problem: Problem): Record<string, string> {
  const { allowed } = problem.members
  return {
    'content-type': 'application/problem+json',
    ...(problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }),
    ...(problem.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : {}),
    ...(problem.code === 'method_not_allowed' && Array.isArray(allowed) ? { allow: allowed.join(', ') } : {}),
    ...(problem.code === 'payload_too_large' ? { connection: 'close' } : {}),
    ...(problem.code === 'range_not_satisfiable' ? { 'content-range': `bytes */${String(problem.members['size'])}` } : {}),
  }
}

/** What a schema found wrong: which field, why, and what is allowed there. */
export function toInvalid(error: z.ZodError): Problem {
  const issues = error.issues.slice(0, 10).map((issue) => ({ field: toField(issue.path), message: issue.message.slice(0, 200) }))
  const [first] = error.issues
  const field = issues[0]?.field ?? ''
  return new Problem('invalid_request', `${field}${field === '' ? '' : ': '}${issues[0]?.message ?? 'The request is not valid.'}`, {
    members: {
      field,
      issues,
      ...(first?.code === 'invalid_value' ? { allowed: first.values } : {}),
      ...(first?.code === 'invalid_type' ? { expected: first.expected } : {}),
    },
  })
}
