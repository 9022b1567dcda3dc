import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Judgement } from './gate.ts'
import { connectTo, dialRoom, openRawSite, openRoom, openTunnel, readAll, readUntil, say } from './testing/room.ts'

describe('tunnels', () => {
  test('carry bytes both ways unchanged, those included that came too early', async () => {
    const site = await openRawSite((socket) => socket.pipe(socket))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await dialRoom(room.path)
    client.write(`${connectTo(`a.example.com:${site.port}`)}early`)
    expect(await readUntil(client, 'early')).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nearly$/)
    const sent = Buffer.alloc(8 * 1024 * 1024, 'abcdefghijk')
    client.end(sent)
    const back: Buffer[] = []
    for await (const chunk of client) back.push(chunk as Buffer)
    expect(Buffer.concat(back).equals(sent)).toBe(true)
  })

  test('bytes that come while somebody is asked are kept, in their order', async () => {
    const site = await openRawSite((socket) => socket.pipe(socket))
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Judgement>()
    const room = await openRoom({
      usualPorts: [site.port],
      judge: () => {
        asked.resolve()
        return answer.promise
      },
    })
    const client = await dialRoom(room.path)
    client.write(`${connectTo(`a.example.com:${site.port}`)}one `)
    await asked.promise
    const sent = `${'two '.repeat(100_000)}end`
    client.write(sent)
    answer.resolve({ decision: 'allowed' })
    expect(await readUntil(client, 'end')).toBe(`HTTP/1.1 200 Connection established\r\n\r\none ${sent}`)
  })

  test('end in one direction and go on in the other', async () => {
    const site = await openRawSite((socket) => void readAll(socket).then((text) => socket.end(`got ${text}`)))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await openTunnel(room.path, `a.example.com:${site.port}`)
    client.end('all of it')
    expect(await readAll(client)).toBe('got all of it')
  })

  test('end in the other direction first', async () => {
    const heard = Promise.withResolvers<string>()
    const site = await openRawSite((socket) => {
      socket.end('that is all')
      heard.resolve(readAll(socket))
    })
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await openTunnel(room.path, `a.example.com:${site.port}`)
    expect(await readAll(client)).toBe('that is all')
    client.end('and more from here')
    expect(await heard.promise).toBe('and more from here')
  })

  test('break when the server breaks', async () => {
    const site = await openRawSite((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await openTunnel(room.path, `a.example.com:${site.port}`)
    const closed = once(client, 'close')
    client.resume().end('x')
    await closed
  })

  test('break when the client breaks', async () => {
    const gone = Promise.withResolvers<void>()
    const site = await openRawSite((socket) => {
      socket.on('close', () => gone.resolve())
      // It would send for ever.
      const pump = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      }
      socket.on('drain', pump)
      pump()
    })
    const room = await openRoom({ allow: [`a.example.com:${site.port}`] })
    const client = await openTunnel(room.path, `a.example.com:${site.port}`)
    client.destroy()
    await gone.promise
  })

  test('do not read more than the client takes', async () => {
    const limit = 256 * 1024 * 1024
    let sent = 0
    const source = await openRawSite((socket) => {
      const pump = () => {
        while (sent < limit && socket.write(Buffer.alloc(262_144))) sent += 262_144
      }
      socket.on('drain', pump)
      pump()
    })
    const echo = await openRawSite((socket) => socket.pipe(socket))
    const room = await openRoom({ allow: [`a.example.com:${source.port}`, `a.example.com:${echo.port}`] })
    await openTunnel(room.path, `a.example.com:${source.port}`)
    // Whoever reads has this much of time: as much as the other way would need for all of it.
    const busy = await openTunnel(room.path, `a.example.com:${echo.port}`)
    const piece = Buffer.alloc(1024 * 1024)
    for (let passed = 0; passed < limit; passed += piece.length) busy.write(piece)
    busy.end()
    for await (const chunk of busy) expect((chunk as Buffer).length).toBeGreaterThan(0)
    expect(sent).toBeLessThan(limit / 4)
  })

  test('to a port where nobody listens', async () => {
    const room = await openRoom({ allow: ['a.example.com:1'] })
    expect(await say(room.path, connectTo('a.example.com:1'))).toMatch(/^HTTP\/1\.1 502 a\.example\.com:1 refused the connection\r\n/)
    expect(room.denials).toEqual([])
  })
})
