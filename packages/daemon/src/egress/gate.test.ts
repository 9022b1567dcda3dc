import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Judgement } from './gate.ts'
import type { Target } from './host.ts'
import { connectTo, dialRoom, get, openGreeting, openRoom, openSite, openTunnel, readAll, readUntil, say } from './testing/room.ts'

describe('who is let through', () => {
  test('a host of the list, unasked, by both ways', async () => {
    const site = await openGreeting()
    const room = await openRoom({ allow: [`*.example.com:${site.port}`] })
    expect(await say(room.path, get(`http://a.example.com:${site.port}/x?y=1`))).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*hello \/x\?y=1$/)
    const tunnel = await openTunnel(room.path, `a.example.com:${site.port}`)
    tunnel.write(get('/inside'))
    expect(await readAll(tunnel)).toContain('hello /inside')
    expect([room.asked, room.denials]).toEqual([[], []])
  })

  test('a host that somebody allows, after its addresses were looked at', async () => {
    const site = await openGreeting()
    const room = await openRoom({ usualPorts: [site.port], judge: async () => ({ decision: 'allowed' }) })
    expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toContain('hello /')
    expect(room.asked).toEqual([{ host: 'a.example.com', port: site.port }])
    expect(room.denials).toEqual([])
  })

  test('the address that a list names, and no other', async () => {
    const site = await openGreeting()
    const room = await openRoom({ allow: [`127.0.0.1:${site.port}`, '*'], usualPorts: [site.port] })
    expect(await say(room.path, get(`http://127.0.0.1:${site.port}/`))).toContain('hello /')
    expect(await say(room.path, get(`http://127.0.0.2:${site.port}/`))).toMatch(/^HTTP\/1\.1 403 Address 127\.0\.0\.2 is not public/)
    const other = await openRoom({ allow: ['*'], usualPorts: [site.port] })
    expect(await say(other.path, get(`http://127.0.0.1:${site.port}/`))).toMatch(/^HTTP\/1\.1 403 Address 127\.0\.0\.1 is not allowed/)
  })

  test('the first of the addresses that answers, and the name is looked up once', async () => {
    const site = await openGreeting()
    const lookups: string[] = []
    const room = await openRoom({
      allow: [`a.example.com:${site.port}`],
      isPublic: () => true,
      resolve: async (host) => {
        lookups.push(host)
        // The second time it would lead elsewhere.
        return lookups.length === 1 ? ['127.0.0.2', '127.0.0.1'] : ['127.0.0.3']
      },
    })
    expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toContain('hello /')
    expect(lookups).toEqual(['a.example.com'])
  })

  test('the list is read anew each time', async () => {
    const site = await openGreeting()
    const allow: string[] = []
    const room = await openRoom({ allow })
    expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toContain('403')
    allow.push(`a.example.com:${site.port}`)
    expect(await say(room.path, get(`http://a.example.com:${site.port}/`))).toContain('hello')
  })
})

describe('who is not', () => {
  test('a denial says why, three times over, and is told', async () => {
    const room = await openRoom({ judge: async () => ({ decision: 'denied', reason: 'Not today – ask\r\nx-evil: 1' }) })
    const wanted =
      /^HTTP\/1\.1 403 Host a\.example\.com is not allowed in this session\r\n[^]*\r\nx-codesdkd-reason: Not today ask x-evil: 1\r\n[^]*\r\n\r\nHost a\.example\.com is not allowed in this session\.\nNot today [^]* ask\r\nx-evil: 1\nGo on without it, /
    expect(await say(room.path, connectTo('a.example.com:443'))).toMatch(wanted)
    expect(await say(room.path, get('http://a.example.com/'))).toMatch(wanted)
    const reason = 'Not today – ask\r\nx-evil: 1'
    expect(room.denials).toEqual([
      { kind: 'network', target: 'a.example.com:443', reason, source: 'sandbox' },
      { kind: 'network', target: 'a.example.com:80', reason, source: 'sandbox' },
    ])
  })

  test('who has sent much already hears it all the same', async () => {
    const room = await openRoom()
    const client = await dialRoom(room.path)
    const written = Promise.withResolvers<Error | null | undefined>()
    client.write(connectTo('a.example.com:443') + 'x'.repeat(8 * 1024 * 1024), written.resolve)
    expect(await readUntil(client, 'Nobody wants that.')).toMatch(/^HTTP\/1\.1 403 /)
    expect(await written.promise).toBeFalsy()
  })

  test('the deny list goes before the allow list', async () => {
    const room = await openRoom({ allow: ['*'], deny: ['stats.example.com'] })
    expect(await say(room.path, connectTo('stats.example.com:443'))).toMatch(/^HTTP\/1\.1 403 Host stats\.example\.com is blocked\r\n/)
    expect(room.asked).toEqual([])
  })

  test('what is settled is neither asked nor looked up', async () => {
    const lookups: string[] = []
    const room = await openRoom({
      known: () => ({ decision: 'denied', reason: 'This session has no network.' }),
      resolve: async (host) => {
        lookups.push(host)
        return ['127.0.0.1']
      },
    })
    expect(await say(room.path, connectTo('c2VjcmV0.example.com:443'))).toContain('This session has no network.')
    expect([lookups, room.asked]).toEqual([[], []])
  })

  test('a name that leads inside is refused before anybody is asked', async () => {
    const room = await openRoom({ judge: async () => ({ decision: 'allowed' }), names: { 'a.example.com': ['127.0.0.1', '10.0.0.1'] } })
    expect(await say(room.path, connectTo('a.example.com:443'))).toMatch(
      /^HTTP\/1\.1 403 Host a\.example\.com leads to an address that is not/,
    )
    expect(await say(room.path, connectTo('b.example.com:443'))).toMatch(/^HTTP\/1\.1 502 Host b\.example\.com could not be resolved/)
    expect(room.asked).toEqual([])
    expect(room.denials.map(({ target }) => target)).toEqual(['a.example.com:443'])
  })

  test('a question that fails is a no', async () => {
    const room = await openRoom({ judge: () => Promise.reject(new Error('the secret of the daemon')) })
    const answer = await say(room.path, connectTo('a.example.com:443'))
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).not.toContain('secret')
  })

  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://inside.example.com:PORT/',
  ])('a redirect to %s, as a client follows it', async (location) => {
    const victim = await openGreeting()
    const site = await openSite((_request, response) =>
      response.writeHead(302, { location: location.replace('PORT', String(victim.port)) }).end(),
    )
    const room = await openRoom({
      allow: ['*', `*:${site.port}`, `*:${victim.port}`],
      names: { 'a.example.com': ['127.0.0.1'], 'inside.example.com': ['127.0.0.9'] },
    })
    const first = await say(room.path, get(`http://a.example.com:${site.port}/`))
    const next = /^location: (.*)\r$/m.exec(first)?.[1] ?? ''
    expect(await say(room.path, get(next))).toMatch(/^HTTP\/1\.1 403 /)
    expect(victim.visits()).toBe(0)
  })
})

describe('questions', () => {
  test('all who want the same wait for one answer, and the question outlives a client', async () => {
    const site = await openGreeting()
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Judgement>()
    const judge = async (): Promise<Judgement> => {
      asked.resolve()
      return answer.promise
    }
    const all = Promise.withResolvers<void>()
    let arrived = 0
    const known = () => {
      if (++arrived === 4) all.resolve()
      return null
    }
    const room = await openRoom({ usualPorts: [site.port], judge, known })
    const url = `http://a.example.com:${site.port}/`
    const first = await dialRoom(room.path)
    first.write(connectTo(`a.example.com:${site.port}`))
    await asked.promise
    first.destroy()
    const others = [say(room.path, get(url)), say(room.path, get(url)), openTunnel(room.path, `A.example.com:${site.port}`)]
    await all.promise
    // The last one is past its lookup when the event loop has come round.
    await setImmediate()
    answer.resolve({ decision: 'allowed' })
    const [one, two] = await Promise.all(others)
    expect([one, two]).toEqual([expect.stringContaining('hello /'), expect.stringContaining('hello /')])
    expect(room.asked).toHaveLength(1)
  })

  test('another port and a later time are other questions', async () => {
    const room = await openRoom()
    for (const port of [443, 80, 443]) await say(room.path, connectTo(`a.example.com:${port}`))
    expect(room.asked.map(({ port }: Target) => port)).toEqual([443, 80, 443])
  })

  test('a client that leaves while it waits holds nothing', async () => {
    const never = Promise.withResolvers<Judgement>()
    const asked = Promise.withResolvers<void>()
    const room = await openRoom({
      judge: () => {
        asked.resolve()
        return never.promise
      },
    })
    const client = await dialRoom(room.path)
    client.write(connectTo('a.example.com:443'))
    await asked.promise
    const closed = once(client, 'close')
    client.resume().end()
    await closed
    await room.dispose()
  })
})
