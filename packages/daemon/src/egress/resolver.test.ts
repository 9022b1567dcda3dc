import { describe, expect, test } from 'vitest'
import { createResolver, resolveBySystem } from './resolver.ts'

const forEver = new AbortController().signal

describe('names', () => {
  test('are resolved as the system does it', async () => {
    expect(await resolveBySystem('localhost')).toEqual(expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]))
  })

  test('are looked up once for all who ask at the same time, and anew for who asks later', async () => {
    let lookups = 0
    const resolve = createResolver(async () => [`10.0.0.${++lookups}`])
    expect(await Promise.all([resolve('a.example', forEver), resolve('a.example', forEver)])).toEqual([['10.0.0.1'], ['10.0.0.1']])
    expect(await resolve('a.example', forEver)).toEqual(['10.0.0.2'])
  })

  test('who leaves takes nothing from the others', async () => {
    const found = Promise.withResolvers<readonly string[]>()
    const resolve = createResolver(() => found.promise)
    const leaving = new AbortController()
    const [one, other] = [resolve('a.example', leaving.signal), resolve('a.example', forEver)]
    leaving.abort(new Error('gone'))
    await expect(one).rejects.toThrow('gone')
    found.resolve(['10.0.0.1'])
    expect(await other).toEqual(['10.0.0.1'])
  })

  test.each([() => Promise.reject(new Error('ENOTFOUND in /etc/secret')), async () => []])('without an address', async (lookup) => {
    await expect(createResolver(lookup)('a.example', forEver)).rejects.toMatchObject({
      status: 502,
      message: 'Host a.example could not be resolved.',
    })
  })
})
