import * as z from 'zod'
import { authStatus, credentialNamespace, health, measuredCapabilities, runtimeList, verification } from '@codesdkd/protocol'
import { route } from './route.ts'

const selected = z.object({ runtime: z.string().optional().describe('name of the runtime; without it, the default one') })

export const runtimeRoutes = [
  route({
    method: 'GET',
    path: '/runtimes',
    operationId: 'listRuntimes',
    tag: 'runtimes',
    verb: 'runtimes:read',
    summary: 'The runtimes there are',
    description: 'The default one first: what is installed, which version, whether somebody is logged in. As recent as the health of each.',
    returns: runtimeList,
    handle: async ({ context }) => ({ value: { runtimes: [...(await context.runtimes.list())] } }),
  }),
  route({
    method: 'POST',
    path: '/runtimes/{name}/verify',
    operationId: 'verifyRuntime',
    tag: 'runtimes',
    verb: 'runtimes:verify',
    summary: 'Measure what the installed agent can do',
    description:
      'Runs short probes on the installed agent, with a model on this machine: no login, no network, no cost. It takes up to two minutes, and ends with its client. ' +
      '`differences` says where the agent is not as it was declared.',
    errors: ['unknown_runtime', 'agent_not_installed', 'rate_limited', 'shutting_down'],
    startsWork: true,
    body: z.object({}).meta({ id: 'VerifyRuntime', description: 'Nothing is asked for; the body may be left out.' }),
    returns: verification,
    handle: async ({ params, exchange, context }) => ({
      value: await context.runtimes.verify(params.name, AbortSignal.any([exchange.signal, exchange.closing])),
    }),
  }),
  route({
    method: 'GET',
    path: '/health',
    operationId: 'getHealth',
    tag: 'runtimes',
    verb: 'runtimes:read',
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
    verb: 'runtimes:read',
    summary: 'What a runtime can do',
    description: 'What is declared, and what the last verification found; `stale` when another version of the agent is installed by now.',
    errors: ['unknown_runtime'],
    query: selected,
    returns: measuredCapabilities,
    handle: async ({ query, context }) => ({ value: await context.runtimes.capabilities(query.runtime ?? null) }),
  }),
  route({
    method: 'GET',
    path: '/auth/status',
    operationId: 'getAuthStatus',
    tag: 'runtimes',
    verb: 'runtimes:read',
    summary: 'Whether a runtime is logged in',
    description: 'Safe metadata only: never a secret, never a path.',
    errors: ['unknown_runtime', 'namespace_not_allowed'],
    query: selected.extend({ credential_namespace: credentialNamespace.optional().describe('whose login; without it, that of `default`') }),
    returns: authStatus,
    handle: async ({ query, context }) => ({
      value: await context.runtimes.authStatus(query.runtime ?? null, query.credential_namespace ?? null),
    }),
  }),
]
