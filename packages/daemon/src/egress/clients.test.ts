import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openRelay, openRoom, openSite, type RoomOptions } from './testing/room.ts'

const run = promisify(execFile)

/** What programs know of the way outside: the environment that the wall gives them. */
async function openOutside(options: RoomOptions) {
  const room = await openRoom(options)
  const proxy = `http://127.0.0.1:${await openRelay(room.path)}`
  const env = {
    PATH: process.env['PATH'],
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    GIT_CONFIG_GLOBAL: '/dev/null',
  }
  const call = async (program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const { stdout, stderr, code } = await run(program, [...args], { env: { ...env, ...more }, cwd: '/' }).then(
      (result) => ({ ...result, code: 0 }),
      (error: unknown) => error as { stdout: string; stderr: string; code: number },
    )
    return { stdout, stderr, code }
  }
  return { room, call }
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'egress-clients-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

describe('curl', () => {
  test('reaches what is allowed, by request and by tunnel', async () => {
    const site = await openSite((request, response) => response.end(`hello ${request.headers.host}`))
    const { call } = await openOutside({ allow: [`a.example.com:${site.port}`] })
    const url = `http://a.example.com:${site.port}/`
    expect((await call('curl', ['-sS', url])).stdout).toBe(`hello a.example.com:${site.port}`)
    expect((await call('curl', ['-sS', '--proxytunnel', url])).stdout).toBe(`hello a.example.com:${site.port}`)
  })

  test('hears why it is not, and fails', async () => {
    const { call, room } = await openOutside({})
    const plain = await call('curl', ['-sS', 'http://a.example.com/'])
    expect(plain.stdout).toContain('Host a.example.com is not allowed in this session.\nNobody wants that.\n')
    expect((await call('curl', ['-sSf', 'http://a.example.com/'])).code).toBe(22)
    const tunnel = await call('curl', ['-sSv', 'https://a.example.com/'])
    expect(tunnel.code).toBe(56)
    expect(tunnel.stderr).toContain('HTTP/1.1 403 Host a.example.com is not allowed in this session')
    expect(tunnel.stderr).toContain('x-codesdkd-reason: Nobody wants that.')
    expect(room.denials.map(({ target }) => target)).toContain('a.example.com:443')
  })

  test('is checked again at each redirect that it follows', async () => {
    const victim = await openSite((_request, response) => response.end('secrets'))
    const site = await openSite((_request, response) => response.writeHead(307, { location: `http://127.0.0.1:${victim.port}/` }).end())
    const { call, room } = await openOutside({ allow: ['*'], usualPorts: [80, 443, site.port, victim.port] })
    const { stdout } = await call('curl', ['-sSL', `http://a.example.com:${site.port}/`])
    expect(stdout).toContain('Address 127.0.0.1 is not allowed in this session')
    expect(room.denials.map(({ target }) => target)).toEqual([`127.0.0.1:${victim.port}`])
    expect(victim.visits()).toBe(0)
  })

  test('uploads ten megabytes', async () => {
    const site = await openSite((request, response) => {
      let size = 0
      request.on('data', (chunk: Buffer) => (size += chunk.length)).on('end', () => response.end(`got ${size}`))
    })
    const { call } = await openOutside({ allow: [`a.example.com:${site.port}`] })
    const file = join(await scratch(), 'large')
    await run('truncate', ['-s', '10M', file])
    expect((await call('curl', ['-sS', '--data-binary', `@${file}`, `http://a.example.com:${site.port}/`])).stdout).toBe('got 10485760')
    const chunked = ['-sS', '-T', file, '-H', 'transfer-encoding: chunked', `http://a.example.com:${site.port}/`]
    expect((await call('curl', chunked)).stdout).toBe('got 10485760')
  })
})

describe('git', () => {
  test('clones from a host of the list, and says what the gate said of another', async () => {
    const directory = await scratch()
    const source = join(directory, 'source')
    const git = (...args: readonly string[]) => run('git', ['-C', source, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args])
    await run('git', ['init', '-q', source])
    await git('commit', '-q', '--allow-empty', '-m', 'first')
    await git('update-server-info')
    const site = await openSite((request, response) => {
      const path = new URL(request.url ?? '/', 'http://x').pathname
      readFile(join(source, '.git', path)).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      )
    })
    const { call } = await openOutside({ allow: [`a.example.com:${site.port}`] })
    const cloned = await call('git', ['clone', '-q', `http://a.example.com:${site.port}/`, join(directory, 'clone')])
    expect(cloned.stderr).toBe('')
    expect((await run('git', ['-C', join(directory, 'clone'), 'log', '--format=%s'])).stdout).toBe('first\n')
    const refused = await call('git', ['clone', '-q', 'https://b.example.com/x.git', join(directory, 'other')], {
      GIT_TERMINAL_PROMPT: '0',
    })
    expect([refused.code, refused.stderr]).toEqual([128, expect.stringContaining('403')])
  })
})

describe('programs of Node', () => {
  const fetching = (url: string) => [
    '-e',
    `fetch(${JSON.stringify(url)}).then(async (r) => console.log(r.status, r.statusText, await r.text()))`,
  ]

  test('fetch', async () => {
    const site = await openSite((request, response) => response.end(`hello ${request.url}`))
    const { call } = await openOutside({ allow: [`a.example.com:${site.port}`] })
    const use = { NODE_USE_ENV_PROXY: '1' }
    expect((await call(process.execPath, fetching(`http://a.example.com:${site.port}/f`), use)).stdout).toBe('200 OK hello /f\n')
    // It asks for a tunnel in either case, and shows nothing of the answer but its status.
    for (const url of ['http://b.example.com/', 'https://b.example.com/']) {
      const refused = await call(process.execPath, fetching(url), use)
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('403')])
    }
  })

  test('npm', async () => {
    const document = { name: 'x', 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': { name: 'x', version: '1.2.3' } } }
    const site = await openSite((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document)),
    )
    const { call } = await openOutside({ allow: [`a.example.com:${site.port}`] })
    const home = await scratch()
    const view = (host: string) =>
      call('npm', ['view', 'x', 'version', '--registry', host, '--fetch-retries=0', '--update-notifier=false'], {
        HOME: home,
        npm_config_globalconfig: join(home, 'none'),
      })
    expect((await view(`http://a.example.com:${site.port}/`)).stdout).toBe('1.2.3\n')
    const refused = await view('http://b.example.com/')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('Host b.example.com is not allowed in this session')
  })
})
