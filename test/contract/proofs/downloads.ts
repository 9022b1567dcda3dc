import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { spawnDaemon } from '../../harness/daemon.ts'
import { planted, type Proofs, type World } from '../world.ts'

export const downloadProofs: Proofs = {
  'GET /sessions/<sessionId>/support-bundle': {
    async 'Downloads a `tar.gz` support bundle for the session.'({ client, bigRun }) {
      const { sessionId } = await bigRun()
      const answer = await fetch(`${client.url}/sessions/${sessionId}/support-bundle`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/gzip')
      expect(answer.headers.get('content-disposition')).toContain(`filename="codesdk-support-bundle-${sessionId}.tar.gz"`)
      const archive = new Uint8Array(await answer.arrayBuffer())
      expect(Number(answer.headers.get('content-length'))).toBe(archive.length)
      expect(namesOf(archive)).toEqual(
        expect.arrayContaining([
          'manifest.json',
          'health.json',
          'capabilities.json',
          'versions.json',
          'runtime-env.json',
          'mcp-transports.json',
          'events.jsonl',
          'runtime-config.json',
          'tool-transcripts.json',
        ]),
      )
      expect((await fetch(`${client.url}/sessions/nope/support-bundle`)).status).toBe(404)
    },
    async '`task_id` (optional; included in the bundle manifest filename/metadata only)'({ client, bigRun }) {
      const { sessionId, taskId } = await bigRun()
      const plain = await bundle(client, sessionId)
      for (const id of [taskId, 'unknown-but-well-formed']) {
        const named = await bundle(client, sessionId, `?task_id=${id}`)
        expect(named.disposition).toContain(`filename="codesdk-support-bundle-${sessionId}-${id}.tar.gz"`)
        expect(namesOf(named.archive)).toEqual(namesOf(plain.archive))
        expect(contentOf(named.archive, 'manifest.json')).toContain(id)
        expect(contentOf(named.archive, 'events.jsonl')).toBe(contentOf(plain.archive, 'events.jsonl'))
      }
      expect((await client.get(`/sessions/${sessionId}/support-bundle?task_id=${encodeURIComponent('../x')}`)).status).toBe(400)
    },
    'Artifacts are capped (size-limited).': provesCap,
    async 'Environment metadata is sanitized; no raw env vars are included.'({ client, bigRun }) {
      const { sessionId } = await bigRun()
      const { archive } = await bundle(client, sessionId)
      const whole = gunzipSync(archive).toString('latin1')
      expect(whole).not.toContain(planted)
      const home = process.env['HOME']
      const raw = Object.entries(process.env).filter(
        ([name, value]) => value !== undefined && value.length > 12 && !['PWD', 'OLDPWD', 'PATH'].includes(name) && value !== home,
      )
      const environment = contentOf(archive, 'runtime-env.json')
      expect(raw.filter(([, value]) => environment.includes(value ?? '')).map(([name]) => name)).toEqual([])
    },
  },
  'GET /artifacts/<artifactId>': {
    async 'Returns the artifact bytes with the stored content type.'({ client, bigRun }) {
      const { artifactId } = await bigRun()
      const answer = await fetch(`${client.url}/artifacts/${artifactId}`)
      const bytes = Buffer.from(await answer.arrayBuffer())
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
      expect(bytes.toString()).toContain('1\n2\n3\n')
      expect(bytes.length).toBeGreaterThan(8_192)
      expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`)
      expect(await client.get(`/artifacts/${'0'.repeat(32)}`)).toMatchObject({ status: 404, body: { error: 'artifact_not_found' } })
    },
  },
  'GET /artifacts/<artifactId>/download': {
    async 'Alias for `/artifacts/<artifactId>`.'({ client, bigRun }) {
      const { artifactId } = await bigRun()
      const [plain, download] = await Promise.all(
        ['', '/download'].map((suffix) => fetch(`${client.url}/artifacts/${artifactId}${suffix}`)),
      )
      expect(await download?.text()).toBe(await plain?.text())
      expect(download?.headers.get('content-type')).toBe(plain?.headers.get('content-type'))
      expect(download?.headers.get('content-disposition')).toMatch(/^attachment;/)
    },
  },
  'GET /metrics': {
    async 'Returns Prometheus metrics (only if metrics are enabled for the daemon instance).'({ client, stage, bigRun }) {
      await bigRun()
      const answer = await client.get('/metrics')
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
      expect(answer.text).toMatch(/^codesdk_tasks_started_total\{runtime="codex-sdk"\} [1-9]\d*$/m)
      await using without = await spawnDaemon(['--data-dir', join(stage.folder.path, 'no-metrics')])
      expect(await without.client.get('/metrics')).toMatchObject({ status: 404, body: { error: 'metrics_unavailable' } })
    },
  },
}

/** What was handed to the agent is an artifact: here one of 9 MiB, which no bundle may carry. */
async function provesCap({ stage }: World): Promise<void> {
  await using daemon = await spawnDaemon(['--data-dir', join(stage.folder.path, 'capped'), '--max-task-body-bytes', String(12 * 1024 ** 2)])
  const { client } = daemon
  const { session_id } = await client.createSession(stage.session())
  await client.finish(await client.startTask(session_id, 'say hello'))
  const small = await client.event(session_id, 'model.input')
  const started = await client.startTask(session_id, 'word '.repeat(1_900_000))
  const large = await client.event(session_id, 'model.input', ({ trace }) => trace.task_id === started.task_id)
  await client.finish(started)
  const { archive } = await bundle(client, session_id)
  const { artifacts }: { artifacts: unknown } = JSON.parse(contentOf(archive, 'manifest.json'))
  expect(artifacts).toMatchObject({
    included: expect.arrayContaining([expect.objectContaining({ artifact_id: small.payload.input_ref })]),
    skipped: [{ artifact_id: large.payload.input_ref, reason: 'too_large' }],
  })
  expect(namesOf(archive).filter((name) => name.includes(small.payload.input_ref))).toHaveLength(1)
  expect(namesOf(archive).filter((name) => name.includes(large.payload.input_ref))).toHaveLength(0)
}

async function bundle(client: World['client'], sessionId: string, query = ''): Promise<{ archive: Uint8Array; disposition: string }> {
  const answer = await fetch(`${client.url}/sessions/${sessionId}/support-bundle${query}`)
  if (answer.status !== 200) throw new Error(`support bundle: ${answer.status} ${await answer.text()}`)
  return { archive: new Uint8Array(await answer.arrayBuffer()), disposition: answer.headers.get('content-disposition') ?? '' }
}

function namesOf(archive: Uint8Array): readonly string[] {
  return execFileSync('tar', ['-tzf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n')
}

function contentOf(archive: Uint8Array, name: string): string {
  return execFileSync('tar', ['-xzOf', '-', name], { input: archive, encoding: 'utf8' })
}
