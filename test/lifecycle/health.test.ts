import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TestClient } from '../harness/client.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { host, urlOf } from './testing/host.ts'
import { lives } from './testing/processes.ts'

/** An executable in the place of Codex that notes its arguments and its pid, and then does what the line says. */
function script(folder: TestFolder, line: string): string {
  const path = join(folder.path, 'codex')
  writeFileSync(path, `#!/bin/sh\necho "$$ $*" >> '${join(folder.path, 'runs')}'\n${line}\n`, { mode: 0o700 })
  return path
}

const runs = (folder: TestFolder) => readFileSync(join(folder.path, 'runs'), 'utf8').trimEnd().split('\n')

describe.concurrent('the executable that CODESDKD_CODEX_BIN names', () => {
  test('is asked for its version once, and for nothing else before the first task', async () => {
    await using folder = await createFolder()
    const env = { CODESDKD_CODEX_BIN: script(folder, 'echo codex-cli 9.8.7') }
    await using daemon = host(['--data-dir', folder.dataDir], { env })
    const client = new TestClient(urlOf(await daemon.ready))
    expect(await client.get('/health')).toMatchObject({
      status: 200,
      body: { ok: true, runtime: 'codex-sdk', version: '9.8.7', installed: true },
    })
    await Promise.all(
      ['/health?runtime=codex', '/health?runtime=codex-sdk', '/auth/status', '/capabilities', '/status', '/'].map((path) =>
        client.get(path),
      ),
    )
    expect((await client.post('/sessions', { cwd: folder.workspace })).status).toBe(201)
    expect(runs(folder).map((line) => line.replace(/^\d+ /, ''))).toEqual(['--version'])
  })

  test('may hang: the answer comes within five seconds, all who ask share one probe, and it is ended', async () => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir], { env: { CODESDKD_CODEX_BIN: script(folder, 'exec sleep 600') } })
    const client = new TestClient(urlOf(await daemon.ready))
    const limit = AbortSignal.timeout(5_000)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`${client.url}/health`, { signal: limit })
        return { status: response.status, body: (await response.json()) as object }
      }),
    )
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, body: { ok: false, version: null, installed: true, error: { reason: 'timeout' } } })
    expect(runs(folder)).toHaveLength(1)
    expect(
      runs(folder)
        .map((line) => Number.parseInt(line, 10))
        .filter(lives),
    ).toEqual([])
  })

  test('may not be there, or not be executable: then nothing else is looked for', async () => {
    await using folder = await createFolder()
    const plain = join(folder.path, 'plain')
    writeFileSync(plain, '#!/bin/sh\necho codex-cli 1.2.3\n', { mode: 0o600 })
    for (const path of [plain, join(folder.path, 'nowhere'), folder.workspace]) {
      await using daemon = host(['--data-dir', folder.dataDir], { env: { CODESDKD_CODEX_BIN: path } })
      const client = new TestClient(urlOf(await daemon.ready))
      expect(await client.get('/health'), path).toMatchObject({
        status: 200,
        body: { ok: false, version: null, installed: false, error: { reason: 'not_installed' } },
      })
    }
  })
})
