import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { createClient, DaemonStartError, findDaemon, startDaemon } from '@codesdkd/client/node'
import { createFolder } from '../harness/workspace.ts'

const env = { XDG_CONFIG_HOME: '/nonexistent' }
const quiet = ['--log-level', 'warn']

const lives = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.concurrent('startDaemon', () => {
  test('resolves when the daemon answers, with its token, and stops it', async () => {
    await using folder = await createFolder()
    const daemon = await startDaemon({ dataDir: folder.dataDir, args: ['--auth', 'token', '--log-level', 'info'], env })
    expect(daemon.token).toEqual(expect.any(String))
    expect(await daemon.client.getReadyz()).toEqual({ ok: true })
    await expect(createClient({ url: daemon.url }).getReadyz()).rejects.toMatchObject({ code: 'unauthorized', status: 401 })
    expect(daemon.logTail()).toContain('"msg":"ready"')
    expect(daemon.logTail()).not.toContain(daemon.token)
    expect(await daemon.stop()).toEqual({ code: 0, signal: null })
    expect(await daemon.ended).toEqual({ code: 0, signal: null })
    await expect(createClient({ url: daemon.url, retry: { attempts: 1 } }).getReadyz()).rejects.toMatchObject({ name: 'ConnectionError' })
  })

  test('rejects with the exit code and the last words of a daemon that does not start', async () => {
    await using folder = await createFolder()
    await using _first = await startDaemon({ dataDir: folder.dataDir, args: quiet, env })
    const failure = await startDaemon({ dataDir: folder.dataDir, args: quiet, env }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DaemonStartError)
    expect(failure).toMatchObject({ exitCode: 75, message: expect.stringContaining('is in use by process') as string })
    await expect(startDaemon({ args: ['--port', 'none'], env })).rejects.toMatchObject({
      exitCode: 2,
      stderrTail: 'codesdkd: flag port: must be a number\n',
    })
    await expect(startDaemon({ command: ['/nonexistent/codesdkd'] })).rejects.toMatchObject({ exitCode: null })
    await expect(startDaemon({ command: [process.execPath, '-e', 'setTimeout(() => {}, 60_000)'], startTimeoutMs: 50 })).rejects.toThrow(
      'not ready in time',
    )
  })

  test('leaves no daemon behind when its host is killed', async () => {
    await using folder = await createFolder()
    const host = join(folder.path, 'host.ts')
    const entry = pathToFileURL(join(import.meta.dirname, '../../packages/client/src/node/index.ts')).href
    writeFileSync(
      host,
      `import { startDaemon } from '${entry}'\nconst daemon = await startDaemon({ dataDir: process.argv[2] })\nprocess.stdout.write(String(daemon.pid))\n`,
    )
    const child = spawn(process.execPath, [host, folder.dataDir], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    const [pid] = (await once(child.stdout, 'data')) as [Buffer]
    expect(lives(Number(pid))).toBe(true)
    child.kill('SIGKILL')
    await vi.waitUntil(() => !lives(Number(pid)), { timeout: 20_000 })
  })
})

describe.concurrent('findDaemon', () => {
  test('finds the daemon of a data directory for as long as it runs, on TCP and on a Unix socket', async () => {
    await using folder = await createFolder()
    const note = join(folder.dataDir, 'daemon.json')
    expect(await findDaemon(folder.dataDir)).toBeNull()
    for (const args of [[], ['--listen', `unix:${join(folder.path, 'run', 'codesdkd.sock')}`, '--auth', 'none']]) {
      await using daemon = await startDaemon({ dataDir: folder.dataDir, args: [...quiet, ...args], env })
      const found = await findDaemon(folder.dataDir)
      expect(found).toMatchObject({ url: daemon.url, pid: daemon.pid })
      const { session_id } = (await found?.client.createSession({ cwd: folder.workspace })) ?? {}
      const seen = await Array.fromAsync(found?.client.follow(session_id ?? '', { until: 'idle' }) ?? [])
      expect(seen).toMatchObject([{ type: 'session.created' }])
      await found?.client.deleteSession(session_id ?? '')
      await expect(found?.client.getSession(session_id ?? '')).rejects.toMatchObject({ code: 'session_not_found' })
      expect(statSync(note).mode & 0o777).toBe(0o600)
      await daemon.stop()
      expect(existsSync(note)).toBe(false)
    }
  })

  test('takes no stale note for a daemon, and asks for a token without writing one down', async () => {
    await using folder = await createFolder()
    await using other = await createFolder()
    const daemon = await startDaemon({ dataDir: folder.dataDir, args: [...quiet, '--auth', 'token'], env })
    const note = join(folder.dataDir, 'daemon.json')
    expect(readFileSync(note, 'utf8')).not.toContain(daemon.token)
    await expect(findDaemon(folder.dataDir)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(await findDaemon(folder.dataDir, { token: daemon.token ?? '' })).toMatchObject({ pid: daemon.pid })
    process.kill(daemon.pid, 'SIGKILL')
    expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' })
    expect(existsSync(note)).toBe(true)
    expect(await findDaemon(folder.dataDir)).toBeNull()

    await using another = await startDaemon({ dataDir: other.dataDir, args: quiet, env })
    const stale = { ...(JSON.parse(readFileSync(note, 'utf8')) as object), url: another.url, pid: another.pid }
    writeFileSync(note, JSON.stringify(stale))
    expect(await findDaemon(folder.dataDir)).toBeNull()
  })
})
