import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, open, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openEgress } from './egress.ts'
import type { Judgement } from './gate.ts'
import { connectTo, dialRoom, get, openRawSite, openRoom, openTunnel, say } from './testing/room.ts'

describe('bounds', () => {
  test('256 exchanges at once, and room again after them', async () => {
    const site = await openRawSite((socket) => socket.pipe(socket))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const authority = `a.example.com:${site.port}`
    const tunnels = await Promise.all(Array.from({ length: 256 }, () => openTunnel(room.path, authority)))
    expect(await say(room.path, connectTo(authority))).toMatch(/^HTTP\/1\.1 503 Too many connections at once\r\n/)
    expect(await say(room.path, get(`http://${authority}/`))).toMatch(/^HTTP\/1\.1 503 /)
    tunnels[0]?.destroy()
    // The egress sees that it is gone some time later: asking is the way to learn when.
    let answer = ''
    for (let tries = 0; tries < 1_000 && !answer.startsWith('HTTP/1.1 200 '); tries++)
      answer = await say(room.path, connectTo(authority), true)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('sixteen lookups at once', async () => {
    const never = Promise.withResolvers<readonly string[]>()
    const all = Promise.withResolvers<void>()
    let lookups = 0
    const room = await openRoom({
      resolve: () => {
        if (++lookups === 16) all.resolve()
        return never.promise
      },
    })
    for (let index = 0; index < 16; index++) (await dialRoom(room.path)).write(connectTo(`h${index}.example.com:443`))
    await all.promise
    expect(await say(room.path, connectTo('h17.example.com:443'))).toMatch(/^HTTP\/1\.1 503 Too many names/)
    expect(lookups).toBe(16)
  })

  test('a head of 16 KB', async () => {
    const room = await openRoom({ allow: ['*'] })
    expect(await say(room.path, get('http://a.example.com/', `x: ${'y'.repeat(20_000)}\r\n`))).toMatch(/^HTTP\/1\.1 431 /)
    expect(await say(room.path, connectTo(`${'a'.repeat(20_000)}:443`))).toMatch(/^HTTP\/1\.1 431 /)
  })
})

describe('the socket', () => {
  test("is the user's alone, wherever it lies, and is removed with everything that leads through it", async () => {
    const site = await openRawSite((socket) => socket.pipe(socket))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    expect((await stat(room.path)).mode & 0o777).toBe(0o600)
    const tunnel = await openTunnel(room.path, `a.example.com:${site.port}`)
    const idle = await dialRoom(room.path)
    const closed = Promise.all(
      [tunnel, idle].map((socket) =>
        once(
          socket.resume().on('end', () => socket.destroy()),
          'close',
        ),
      ),
    )
    await room.dispose()
    await closed
    expect(await readdir(room.directory)).toEqual([])
  })

  test('ends while somebody is asked', async () => {
    const asked = Promise.withResolvers<void>()
    const never = Promise.withResolvers<Judgement>()
    const room = await openRoom({
      judge: () => {
        asked.resolve()
        return never.promise
      },
    })
    const client = await dialRoom(room.path)
    client.write(get('http://a.example.com/'))
    await asked.promise
    await room.dispose()
    expect(room.denials).toEqual([])
  })

  async function openIn(directory: string, mode = 0o700) {
    await mkdir(directory, { recursive: true })
    await chmod(directory, mode)
    const options = { allow: () => [], judge: async () => ({ decision: 'allowed' }) as const, refused: () => {}, environment: {} }
    return openEgress({ ...options, socket: { directory, name: 'egress.sock' } })
  }

  async function scratch(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'egress-'))
    onTestFinished(() => rm(directory, { recursive: true, force: true }))
    return directory
  }

  test.skipIf(process.platform !== 'linux')('lies deeper than a name of a socket may be long', async () => {
    const deep = join(await scratch(), ...Array.from({ length: 6 }, () => 'd'.repeat(40)))
    const egress = await openIn(deep)
    expect(egress.path.length).toBeGreaterThan(200)
    expect((await stat(egress.path)).mode & 0o777).toBe(0o600)
    await using handle = await open(deep, 'r')
    expect(await say(`/proc/self/fd/${handle.fd}/egress.sock`, get('/'))).toMatch(/^HTTP\/1\.1 400 /)
    await egress[Symbol.asyncDispose]()
    expect(await readdir(deep)).toEqual([])
  })

  test('replaces one that was left, and nothing behind a link', async () => {
    const directory = await scratch()
    await writeFile(join(directory, 'target'), 'kept')
    await symlink('target', join(directory, 'egress.sock'))
    await using egress = await openIn(directory)
    expect(await say(egress.path, get('/'))).toMatch(/^HTTP\/1\.1 400 /)
    expect((await stat(join(directory, 'target'))).size).toBe(4)
  })

  test.each([0o755, 0o770, 0o701])('not in a directory that is open to others: %o', async (mode) => {
    const directory = join(await scratch(), 'open')
    await expect(openIn(directory, mode)).rejects.toThrow('0700')
  })
})
