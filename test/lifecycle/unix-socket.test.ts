import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFolder } from '../harness/workspace.ts'
import { codesdkd, host } from './testing/host.ts'

interface Asked {
  readonly path: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

async function ask(socketPath: string, { path, body, headers = {} }: Asked): Promise<{ status: number | undefined; body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: unknown }>()
  request({ socketPath, path, method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
    Array.fromAsync(response.setEncoding('utf8')).then(
      (chunks) => resolve({ status: response.statusCode, body: JSON.parse(chunks.join('')) }),
      reject,
    )
  })
    .on('error', reject)
    .end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}

describe.concurrent('--listen unix:<path>', () => {
  test('serves the same API to this user alone, under the name localhost', async () => {
    await using folder = await createFolder()
    const path = join(folder.path, 'run', 'codesdkd.sock')
    await using daemon = host(['--data-dir', folder.dataDir, '--listen', `unix:${path}`, '--auth', 'none'])
    expect(JSON.parse(await daemon.ready)).toEqual({ url: `unix:${path}` })
    expect([statSync(join(folder.path, 'run')), statSync(path)].map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o600])

    expect(await ask(path, { path: '/readyz' })).toEqual({ status: 200, body: { ok: true } })
    expect(await ask(path, { path: '/sessions', body: { cwd: folder.workspace } })).toMatchObject({
      status: 201,
      body: { cwd: folder.workspace },
    })
    for (const name of ['example.com', '127.0.0.1', 'localhost.example.com', 'localhost:1']) {
      expect(await ask(path, { path: '/readyz', headers: { host: name } }), name).toMatchObject({
        status: 403,
        body: { error: 'host_not_allowed' },
      })
    }
    expect(await ask(path, { path: '/readyz', headers: { origin: 'https://example.com' } })).toMatchObject({
      status: 403,
      body: { error: 'origin_not_allowed' },
    })

    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
    expect(existsSync(path)).toBe(false)
  })

  test('asks for a token unless it is told not to: nobody can tell an agent at the other end', async () => {
    await using folder = await createFolder()
    const path = join(folder.path, 'run', 'codesdkd.sock')
    await using daemon = host(['--data-dir', folder.dataDir, '--listen', `unix:${path}`])
    const { token } = JSON.parse(await daemon.ready) as { token: string }
    expect((await ask(path, { path: '/readyz' })).status).toBe(401)
    expect((await ask(path, { path: '/readyz', headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
  })

  test('takes the place of a daemon that was killed, not of one that lives', async () => {
    await using folder = await createFolder()
    const path = join(folder.path, 'run', 'codesdkd.sock')
    const args = (name: string) => [
      '--data-dir',
      join(folder.path, name),
      '--listen',
      `unix:${path}`,
      '--auth',
      'none',
      '--log-level',
      'silent',
    ]
    await using killed = host(args('first'))
    await killed.ready
    killed.child.kill('SIGKILL')
    expect(await killed.ended).toBe('SIGKILL')
    expect(existsSync(path)).toBe(true)

    await using daemon = host(args('first'))
    await daemon.ready
    const second = await codesdkd(args('second'))
    expect(second).toEqual({ code: 69, stdout: '', stderr: `codesdkd: cannot listen: the socket is in use: ${path}\n` })
    expect((await ask(path, { path: '/readyz' })).status).toBe(200)
  })

  test('is refused in a directory that others can reach into', async () => {
    await using folder = await createFolder()
    const directory = join(folder.path, 'open')
    mkdirSync(directory)
    chmodSync(directory, 0o755)
    const ended = await codesdkd(['--data-dir', folder.dataDir, '--listen', `unix:${directory}/codesdkd.sock`])
    expect(ended).toEqual({
      code: 69,
      stdout: '',
      stderr: `codesdkd: cannot listen: the directory of the socket must be this user's alone (mode 0700): ${directory}\n`,
    })
  })
})
