// oxlint-disable vitest/no-standalone-expect -- a row is checked inside of the test that bad-input.test.ts makes of it
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { spawnDaemon } from '../../harness/daemon.ts'
import { checkEveryAnswer } from '../declared.ts'
import { expectProblem, post, send, type Row } from './target.ts'

/** `POST /runtimes/{name}/verify`: what is wrong with it starts no agent. */
export const runtimeRows: readonly Row[] = [
  {
    id: 'V01',
    name: 'names of runtimes that there are not',
    async check({ open }) {
      for (const name of ['nope', '__proto__', 'constructor', '..%2f..%2fetc', 'Codex', 'x'.repeat(300)]) {
        expect(await open.client.post(`/runtimes/${name}/verify`), name).toMatchObject({
          status: 400,
          body: { error: 'unknown_runtime', allowed: expect.arrayContaining(['codex-sdk']) },
        })
      }
    },
  },
  {
    id: 'V02',
    name: 'bodies that are no object',
    async check({ guarded, stage }) {
      for (const [body, error] of [
        ['{', 'invalid_json'],
        ['[]', 'invalid_request'],
        ['"codex"', 'invalid_request'],
        ['null', 'invalid_request'],
      ] as const)
        expectProblem(await send(guarded, post('/runtimes/codex/verify', body)), error)
      expect(existsSync(join(stage.folder.path, 'guarded', 'verifying'))).toBe(false)
    },
  },
  {
    id: 'V03',
    name: 'an agent that is not installed',
    async check({ stage }) {
      const dataDir = join(stage.folder.dataDir, 'without-agent')
      await using daemon = await spawnDaemon(['--data-dir', dataDir], { CODESDKD_CODEX_BIN: '/nonexistent/codex' })
      await checkEveryAnswer(daemon.client)
      expect(await daemon.client.post('/runtimes/codex/verify')).toMatchObject({
        status: 409,
        body: { error: 'agent_not_installed', runtime: 'codex-sdk', retryable: false },
      })
      expect((await daemon.client.get('/runtimes')).body.runtimes[0]).toMatchObject({
        runtime: 'codex-sdk',
        installed: false,
        healthy: false,
        executable_source: null,
        version: null,
        verified_at: null,
        error: { reason: 'not_installed' },
      })
    },
  },
  {
    id: 'V04',
    name: 'twice at once, with fields that nobody knows',
    async check({ open }) {
      const { client } = open
      const answers = await Promise.all([
        client.post('/runtimes/codex/verify', { deep: true }),
        client.post('/runtimes/codex-sdk/verify', { deep: true }),
      ])
      const [done, refused] = answers.toSorted((a, b) => a.status - b.status)
      expect(done).toMatchObject({ status: 200, body: { runtime: 'codex-sdk', differences: [] } })
      expect(done?.headers.get('x-codesdkd-ignored-fields')).toBe('deep')
      expect(refused).toMatchObject({ status: 429, body: { error: 'rate_limited', scope: 'runtime', limit: 1, current: 1 } })
      expect(refused?.headers.get('retry-after')).toBe('10')
    },
  },
]
