import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { spawnDaemon } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { checkEveryAnswer } from '../contract/declared.ts'
import { lives, until } from './testing/processes.ts'

const writeExecutable = (path: string, lines: string): Promise<void> => writeFile(path, `#!/bin/sh\n${lines}\n`, { mode: 0o700 })

describe.concurrent('what is measured of a runtime', () => {
  test(
    'shows in its capabilities and in the list, outlives the daemon, and grows stale with another version',
    { timeout: 60_000 },
    async () => {
      await using folder = await createFolder()
      {
        await using daemon = await spawnDaemon(['--data-dir', folder.dataDir])
        const { client } = daemon
        await checkEveryAnswer(client)
        expect((await client.get('/')).body.links).toMatchObject({ runtimes: '/runtimes' })
        expect((await client.get('/runtimes')).body.runtimes[0]).toMatchObject({
          runtime: 'codex-sdk',
          aliases: ['codex'],
          default: true,
          installed: true,
          healthy: true,
          version: expect.stringMatching(/^\d+\.\d+/),
          executable_source: 'packaged',
          verified_at: null,
          stale: false,
        })
        expect((await client.get('/capabilities')).body).toMatchObject({
          agent_version: null,
          verified_at: null,
          stale: false,
          differences: [],
        })

        const { status, body } = await client.post('/runtimes/codex/verify')
        expect(status).toBe(200)
        expect(body).toMatchObject({ runtime: 'codex-sdk', agent_version: expect.stringMatching(/^\d+\.\d+/), differences: [] })
        expect((await client.get('/capabilities?runtime=codex')).body).toMatchObject({
          agent_version: body.agent_version,
          verified_at: body.verified_at,
          stale: false,
          differences: [],
        })
      }
      const path = join(folder.path, 'codex')
      await writeExecutable(path, 'echo codex-cli 9.8.7')
      await using daemon = await spawnDaemon(['--data-dir', folder.dataDir, '--codex-bin', path])
      const [summary] = (await daemon.client.get('/runtimes')).body.runtimes
      expect(summary).toMatchObject({ version: '9.8.7', executable_source: 'configured', verified_at: expect.any(String), stale: true })
      expect((await daemon.client.get('/capabilities')).body).toMatchObject({
        agent_version: expect.not.stringMatching('9.8.7'),
        stale: true,
      })
      expect((await daemon.client.get('/runtimes')).text).not.toContain(folder.path)
    },
  )

  test('is given up when its daemon ends, with the agent', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    const path = join(folder.path, 'codex')
    const pid = join(folder.path, 'pid')
    await writeExecutable(
      path,
      `test "$1" = --version && exec echo codex-cli 9.8.7\necho $$ > '${pid}.tmp'; mv '${pid}.tmp' '${pid}'\nexec sleep 600`,
    )
    // It tells its number in a file outside, and one that counts outside.
    const daemon = await spawnDaemon(['--data-dir', folder.dataDir, '--codex-bin', path, '--sandbox', 'off'])
    const answer = daemon.client.post('/runtimes/codex/verify')
    await until('the agent runs', () => existsSync(pid))
    expect(await daemon.end()).toEqual({ code: 0, signal: null })
    expect(await answer).toMatchObject({ status: 503, body: { error: 'shutting_down' } })
    expect(lives(Number(await readFile(pid, 'utf8')))).toBe(false)
    expect(existsSync(join(folder.dataDir, 'verified'))).toBe(false)
  })
})
