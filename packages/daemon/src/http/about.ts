import * as z from 'zod'
import { Problem } from '@codesdkd/protocol'
import { rawRoute, route, type Route } from './route.ts'
import { status, toStatus } from './status.ts'

const about = z
  .object({
    ok: z.literal(true),
    name: z.literal('codesdkd'),
    version: z.string(),
    runtimes: z.array(z.string()),
    default_runtime: z.string(),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'About' })

const alive = z.object({ ok: z.literal(true) }).meta({ id: 'Alive' })

const links = {
  status: '/status',
  runtimes: '/runtimes',
  health: '/health',
  capabilities: '/capabilities',
  auth_status: '/auth/status',
  sessions: '/sessions',
  events: '/events',
  approvals: '/approvals',
  metrics: '/metrics',
  openapi: '/openapi.json',
  docs: '/docs',
  inspector: '/inspector',
}

export const aboutRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/',
    operationId: 'getAbout',
    tag: 'daemon',
    verb: 'daemon:read',
    summary: 'Who answers here',
    returns: about,
    handle: ({ context: { daemon, runtimes, access } }) => ({
      value: {
        ok: true as const,
        name: 'codesdkd' as const,
        version: daemon.version,
        runtimes: [...runtimes.names],
        default_runtime: runtimes.defaultName,
        links: Object.fromEntries(Object.entries(links).map(([name, path]) => [name, access.basePath + path])),
      },
    }),
  }),
  route({
    method: 'GET',
    path: '/status',
    operationId: 'getStatus',
    tag: 'daemon',
    verb: 'daemon:read',
    summary: 'The daemon about itself',
    returns: status,
    handle: ({ context }) => ({ value: toStatus(context) }),
  }),
  route({
    method: 'GET',
    path: '/livez',
    operationId: 'getLivez',
    tag: 'daemon',
    verb: 'daemon:read',
    summary: 'The process answers',
    returns: alive,
    handle: () => ({ value: { ok: true as const } }),
  }),
  route({
    method: 'GET',
    path: '/readyz',
    operationId: 'getReadyz',
    tag: 'daemon',
    verb: 'daemon:read',
    summary: 'The daemon takes work',
    description: '503 while it starts, shuts down, or cannot write its storage.',
    errors: ['shutting_down'],
    returns: alive,
    handle({ context: { daemon, log } }) {
      const state = daemon.state()
      if (state !== 'ready') throw new Problem('shutting_down', `The daemon is ${state}.`, { members: { state } })
      if (!log.writable) throw new Problem('storage_unavailable', 'The storage refuses writes.')
      return { value: { ok: true as const } }
    },
  }),
  rawRoute({
    method: 'GET',
    path: '/metrics',
    operationId: 'getMetrics',
    tag: 'daemon',
    verb: 'daemon:read',
    summary: 'Prometheus metrics',
    description: 'On with `--metrics`.',
    errors: ['metrics_unavailable'],
    success: { status: 200, description: 'Metrics in the text format of Prometheus', content: { 'text/plain': z.string() } },
    async handle({ context: { metrics } }) {
      if (!metrics.enabled) throw new Problem('metrics_unavailable', 'Start the daemon with --metrics.')
      return { status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.render() }
    },
  }),
]
