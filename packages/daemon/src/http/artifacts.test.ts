import { describe, expect, test } from 'vitest'
import { Problem } from '@codesdkd/protocol'
import type { ArtifactMeta, ArtifactStore } from '../core/ports.ts'
import { createHash } from 'node:crypto'
import { openEdge } from './testing/edge.ts'

/** A store in memory: what the edge makes of an artifact does not depend on where its bytes lie. */
function storeOf(
  ...artifacts: readonly { type: string; name: string | null; content: string }[]
): ArtifactStore & { readonly ids: readonly string[] } {
  const rows = new Map(
    artifacts.map(({ type, name, content }, index) => {
      const artifactId = String(index).padStart(32, '0')
      const meta: ArtifactMeta = {
        artifactId,
        sessionId: 's1',
        contentType: type,
        name,
        size: Buffer.byteLength(content),
        sha256: createHash('sha256').update(content).digest('hex'),
        createdAt: '2026-11-22T00:00:00.000Z',
      }
      return [artifactId, { meta, content }] as const
    }),
  )
  return {
    ids: [...rows.keys()],
    put: () => {
      throw new Error('nothing is stored here')
    },
    meta: (id) => rows.get(id)?.meta ?? null,
    list: () => [...rows.values()].map(({ meta }) => meta),
    share: () => new Map(),
    content: async (id) => {
      const row = rows.get(id)
      if (row === undefined) throw new Problem('artifact_not_found', 'There is no such artifact.')
      return Buffer.from(row.content)
    },
  }
}

async function served(type: string, name: string | null, suffix = '', headers: Record<string, string> = {}) {
  const artifacts = storeOf({ type, name, content: 'hello' })
  await using edge = await openEdge(() => ({ artifacts }))
  const answer = await fetch(`${edge.server.url}/artifacts/${artifacts.ids[0]}${suffix}`, { headers })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

describe('content types', () => {
  test.each([
    'text/plain',
    'text/plain; charset=utf-8',
    'TEXT/PLAIN',
    'application/json',
    'image/png',
    'image/jpeg',
    'image/gif',
    'image/webp',
  ])('%s is shown in place', async (type) => {
    const { headers, text } = await served(type, 'a.txt')
    expect(headers.get('content-type')).toBe(type)
    expect(headers.get('content-disposition')).toBeNull()
    expect(text).toBe('hello')
  })

  test.each([
    'text/html',
    'image/svg+xml',
    'application/xml',
    'application/pdf',
    'application/xhtml+xml',
    'text/javascript',
    'application/octet-stream',
  ])('%s keeps its type and is sent as attachment', async (type) => {
    const { headers } = await served(type, 'a.html')
    expect(headers.get('content-type')).toBe(type)
    expect(headers.get('content-disposition')).toMatch(/^attachment;/)
    expect(headers.get('content-security-policy')).toContain('sandbox')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test.each(['text/plain\r\nX-Evil: 1', 'text', '', 'a/b; c', 'text/plain; charset="a\\"b"'])(
    '%j cannot be a header and is octets',
    async (type) => {
      expect((await served(type, null)).headers.get('content-type')).toBe('application/octet-stream')
    },
  )

  test('/download is always an attachment, named as it was stored', async () => {
    expect((await served('text/plain', 'Bericht ä.txt', '/download')).headers.get('content-disposition')).toBe(
      `attachment; filename="Bericht _.txt"; filename*=utf-8''Bericht%20%C3%A4.txt`,
    )
    expect((await served('text/plain', null, '/download')).headers.get('content-disposition')).toContain(`filename="${'0'.repeat(32)}"`)
  })
})

describe('parts', () => {
  test('a range, with where it lies', async () => {
    const { status, headers, text } = await served('text/plain', null, '', { range: 'bytes=1-3' })
    expect({ status, text, range: headers.get('content-range'), length: headers.get('content-length') }).toEqual({
      status: 206,
      text: 'ell',
      range: 'bytes 1-3/5',
      length: '3',
    })
  })

  test('a range of something else than the client has is the whole', async () => {
    const etag = `"${createHash('sha256').update('hello').digest('hex')}"`
    expect((await served('text/plain', null, '', { range: 'bytes=1-3', 'if-range': '"other"' })).status).toBe(200)
    expect((await served('text/plain', null, '', { range: 'bytes=1-3', 'if-range': etag })).status).toBe(206)
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
      expect((await served('text/plain', null, '', { 'if-none-match': tag })).status).toBe(304)
    expect((await served('text/plain', null, '', { 'if-none-match': '"x"' })).status).toBe(200)
  })

  test('a range that holds nothing is told the size', async () => {
    const { status, headers } = await served('text/plain', null, '', { range: 'bytes=9-' })
    expect({ status, range: headers.get('content-range') }).toEqual({ status: 416, range: 'bytes */5' })
  })
})
