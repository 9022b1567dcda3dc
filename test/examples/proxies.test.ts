import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openCaddy } from '../harness/caddy.ts'
import { TestClient } from '../harness/client.ts'
import { createStage } from '../harness/daemon.ts'
import { openNginx } from '../harness/nginx.ts'
import { findPort } from '../harness/port.ts'
import { toCaddySites, toNginxServer } from '../harness/proxy-examples.ts'
import type { Proxy } from '../harness/proxy.ts'

type Open = (directory: string, daemonUrl: string, port: number) => Promise<Proxy>

const proxies: Readonly<Record<string, Open>> = {
  'examples/proxies/nginx.conf': (directory, url, port) => openNginx(directory, { server: toNginxServer(url), port }),
  'examples/proxies/Caddyfile': (directory, url, port) => openCaddy(directory, { sites: toCaddySites(url, port), port }),
}

test.each(Object.entries(proxies))(
  '%s: streams as they come, uploads, and nothing taken away from the gates',
  { timeout: 60_000 },
  async (_, open) => {
    await using stage = await createStage([])
    const port = await findPort()
    const origin = `http://127.0.0.1:${port}`
    const names = ['--base-path', '/agents', '--allow-host', `127.0.0.1:${port}`, '--allow-origin', origin]
    await using daemon = await stage.start(['--log-level', 'silent', ...names])
    await using proxy = await open(join(stage.folder.path, 'proxy'), daemon.client.url, port)
    const through = new TestClient(proxy.url)
    const { session_id } = await through.createSession(stage.session())

    // Each event is read before the next one is made: a proxy that held one back would hold up the test.
    const over = new AbortController()
    const frames = through.frames(`/sessions/${session_id}/events?stream=1`, { signal: over.signal })
    const next = async () => {
      for (;;) {
        const { value } = await frames.next()
        if (value?.event === undefined) return value
      }
    }
    expect((await next())?.data).toContain('session.created')
    for (const title of ['one', 'two', 'three']) {
      await through.request('PATCH', `/sessions/${session_id}`, { title })
      expect(JSON.parse((await next())?.data ?? '')).toMatchObject({ type: 'session.updated', payload: { changed: { title } } })
    }
    over.abort()
    const resumed: string[] = []
    for await (const { id } of through.frames(`/sessions/${session_id}/events`, { headers: { 'last-event-id': '2' } })) {
      if (id !== undefined) resumed.push(id)
      if (resumed.length === 2) break
    }
    expect(resumed).toEqual(['3', '4'])

    const bytes = randomBytes(5 * 1024 ** 2)
    const uploaded = await through.post('/artifacts', {
      session_id,
      data: bytes.toString('base64'),
      content_type: 'application/octet-stream',
    })
    expect(uploaded.status, uploaded.text).toBe(201)
    const download = await fetch(`${proxy.url}/artifacts/${uploaded.body.artifact_id}/download`)
    expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true)

    expect((await through.get('/status', { origin })).headers.get('access-control-allow-origin')).toBe(origin)
    expect((await through.get('/status', { origin: 'https://evil.example' })).body.error).toBe('origin_not_allowed')
    expect((await through.get('/status', { 'sec-fetch-site': 'cross-site' })).body.error).toBe('cross_site_blocked')
  },
)
