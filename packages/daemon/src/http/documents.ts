import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { readExamples } from './examples.ts'
import { json } from './reply.ts'
import { rawRoute, type Route } from './route.ts'

const page = readFileSync(new URL('./docs.html', import.meta.url), 'utf8')

/** The page may run its own script, named by its hash, and ask its own daemon; nothing else. */
const policy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash('sha256')
    .update(/<script>([\s\S]*)<\/script>/.exec(page)?.[1] ?? '')
    .digest('base64')}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The routes that describe the others. They are given as a function, because they describe themselves too. */
export function documentRoutes(all: () => readonly Route[]): readonly Route[] {
  return [
    rawRoute({
      method: 'GET',
      path: '/openapi.json',
      operationId: 'getOpenApi',
      tag: 'daemon',
      verb: 'daemon:read',
      summary: 'This API as an OpenAPI 3.1 document',
      success: { status: 200, description: 'The document', content: { 'application/json': z.looseObject({ openapi: z.string() }) } },
      async handle({ context: { daemon, access } }) {
        const { toOpenApi } = await import('./openapi.ts')
        return json(200, toOpenApi(all(), { version: daemon.version, basePath: access.basePath, examples: readExamples() }))
      },
    }),
    rawRoute({
      method: 'GET',
      path: '/docs',
      operationId: 'getDocs',
      tag: 'daemon',
      summary: 'A page that shows the document',
      open: true,
      success: { status: 200, description: 'The page', content: { 'text/html': z.string() } },
      handle: () => ({
        status: 200,
        headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy },
        body: page,
      }),
    }),
  ]
}
