import { createReadStream } from 'node:fs'
import * as z from 'zod'
import { artifact, Problem, taskId, uploadArtifact } from '@codesdkd/protocol'
import type { ArtifactMeta } from '../core/ports.ts'
import { attachment } from './disposition.ts'
import { isMatch } from './etag.ts'
import type { Exchange } from './exchange.ts'
import type { OwnContext } from './own-context.ts'
import { toRange } from './range.ts'
import type { Reply } from './reply.ts'
import { rawRoute, route, type Route } from './route.ts'

/** What a browser may show in place: none of these can run anything. */
const inlineTypes = new Set(['text/plain', 'application/json', 'image/png', 'image/jpeg', 'image/gif', 'image/webp'])

const bytes = { '*/*': null }
const requestHeaders = {
  Range: 'one range of bytes; more than one, or what is none, gets the whole',
  'If-Range': 'the ETag that the range is of',
  'If-None-Match': 'ETags that the client has; if one is current, the answer is 304',
}
const errors = ['artifact_not_found', 'artifact_corrupt', 'range_not_satisfiable'] as const

export const artifactRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/artifacts',
    operationId: 'uploadArtifact',
    tag: 'artifacts',
    verb: 'artifacts:write',
    summary: 'Store a file that tasks of a session may name',
    description:
      'A block `{"type":"artifact_ref","artifact_id":…}` in `messages` hands it to the agent: images (PNG, JPEG, GIF, WebP) as images, text as text. It is deleted with ' +
      'its session, named by a task or not.',
    errors: ['session_not_found', 'session_archived', 'session_busy', 'session_read_only', 'shutting_down'],
    startsWork: true,
    body: uploadArtifact,
    bodyLimit: 'taskBodyBytes',
    status: 201,
    returns: artifact,
    handle: async ({ body, context }) => ({ value: await context.sessions.upload(body) }),
  }),
  rawRoute({
    method: 'GET',
    path: '/artifacts/{artifact_id}',
    operationId: 'getArtifact',
    tag: 'artifacts',
    verb: 'artifacts:read',
    summary: 'The bytes of an artifact, with the stored content type',
    description: 'What a browser would run is sent as attachment.',
    requestHeaders,
    errors,
    success: { status: 200, description: 'The bytes', content: bytes },
    handle: ({ params, exchange, context }) =>
      artifactReply(params.artifact_id, exchange, context, (meta) => !inlineTypes.has(mediaType(meta))),
  }),
  rawRoute({
    method: 'GET',
    path: '/artifacts/{artifact_id}/download',
    operationId: 'downloadArtifact',
    tag: 'artifacts',
    verb: 'artifacts:read',
    summary: 'The same, always as attachment',
    requestHeaders,
    errors,
    success: { status: 200, description: 'The bytes', content: bytes },
    handle: ({ params, exchange, context }) => artifactReply(params.artifact_id, exchange, context, () => true),
  }),
  rawRoute({
    method: 'GET',
    path: '/sessions/{session_id}/support-bundle',
    operationId: 'getSupportBundle',
    tag: 'artifacts',
    verb: 'bundles:read',
    summary: 'A tar.gz with what support needs to know of a session',
    description: 'Artifacts are capped, the environment is sanitized, no secrets. `task_id` only names the bundle.',
    errors: ['session_not_found', 'rate_limited'],
    query: z.object({ task_id: taskId.optional() }),
    success: { status: 200, description: 'The archive', content: { 'application/gzip': null } },
    async handle({ params, query, exchange, context }) {
      const bundle = await context.bundles.build(params.session_id, { taskId: query.task_id ?? null, signal: exchange.signal })
      return {
        status: 200,
        headers: {
          'content-type': 'application/gzip',
          'content-length': String(bundle.size),
          'content-disposition': attachment(bundle.fileName),
        },
        body: exchange.method === 'HEAD' ? null : createReadStream(bundle.path),
        dispose: () => bundle[Symbol.asyncDispose](),
      }
    },
  }),
]

async function artifactReply(
  id: string,
  { headers }: Exchange,
  { artifacts }: OwnContext,
  download: (meta: ArtifactMeta) => boolean,
): Promise<Reply> {
  const meta = /^[0-9a-f]{32}$/.test(id) ? artifacts.meta(id) : null
  if (meta === null) throw new Problem('artifact_not_found', 'There is no such artifact.', { members: { artifact_id: id.slice(0, 64) } })
  const etag = `"${meta.sha256}"`
  if (isMatch(headers['if-none-match'], etag)) return { status: 304, headers: { etag }, body: null }
  const content = await artifacts.content(id)
  const about = {
    etag,
    'accept-ranges': 'bytes',
    'content-type': storedType(meta),
    ...(download(meta) ? { 'content-disposition': attachment(meta.name ?? id) } : {}),
  }
  const range = headers['if-range'] === undefined || headers['if-range'] === etag ? toRange(headers.range, content.length) : null
  if (range === null) return { status: 200, headers: about, body: content }
  return {
    status: 206,
    headers: { ...about, 'content-range': `bytes ${range.first}-${range.last}/${content.length}` },
    body: content.subarray(range.first, range.last + 1),
  }
}

function mediaType(meta: ArtifactMeta): string {
  return meta.contentType.split(';')[0]?.trim().toLowerCase() ?? ''
}

/** The stored type, unless a header cannot carry it. */
function storedType(meta: ArtifactMeta): string {
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+-]*"))*$/.test(meta.contentType)
    ? meta.contentType
    : 'application/octet-stream'
}
