import * as z from 'zod'
import { authStatus, capabilities, credentialNamespace, health } from '@codesdkd/protocol'
import { route } from './route.ts'

const selected = z.object({ runtime: z.string().optional().describe('name of the runtime; without it, the default one') })

export const runtimeRoutes = [
  route({
    method: 'GET',
    path: '/health',
    operationId: 'getHealth',
    tag: 'runtimes',
    summary: 'Health of a runtime',
    description:
      'Version of the executable and presence of a login. Starts no agent; a runtime that is not well is `ok: false`, still 200. Cached for 10 s.',
    errors: ['unknown_runtime'],
    query: selected,
    returns: health,
    handle: async ({ query, context }) => ({ value: await context.runtimes.health(query.runtime ?? null) }),
  }),
  route({
    method: 'GET',
    path: '/capabilities',
    operationId: 'getCapabilities',
    tag: 'runtimes',
    summary: 'What a runtime can do',
    errors: ['unknown_runtime'],
    query: selected,
    returns: capabilities,
    handle: ({ query, context }) => ({ value: context.runtimes.capabilities(query.runtime ?? null) }),
  }),
  route({
    method: 'GET',
    path: '/auth/status',
    operationId: 'getAuthStatus',
    tag: 'runtimes',
    summary: 'Whether a runtime is logged in',
    description: 'Safe metadata only: never a secret, never a path.',
    errors: ['unknown_runtime'],
    query: selected.extend({ credential_namespace: credentialNamespace.optional().describe('whose login; without it, that of `default`') }),
    returns: authStatus,
    handle: async ({ query, context }) => ({
      value: await context.runtimes.authStatus(query.runtime ?? null, query.credential_namespace ?? null),
    }),
  }),
]
