import { expect, test } from 'vitest'
import { createPatientFetch } from './patient-fetch.ts'
import { toUnsealed } from './seal.ts'

/** `fetch` that gives these answers, one after the other. */
function answering(...answers: readonly (Response | Error)[]): typeof fetch {
  const left = [...answers]
  const give = async (): Promise<Response> => {
    const next = left.shift() ?? new Response('too often')
    if (next instanceof Error) throw next
    return next
  }
  return Object.assign(give, fetch)
}

const url = 'http://127.0.0.1/v1'
const told = async (response: Response): Promise<unknown> => JSON.parse(toUnsealed(await response.text()) ?? 'null')

test('a refusal that may pass is repeated soon, whatever the provider says, and in the end told as it was', async () => {
  const busy = () => new Response('busy', { status: 429, headers: { 'retry-after': '86400' } })
  const patient = createPatientFetch(answering(busy(), busy()), 1)
  const first = await patient.fetch(url)
  expect([first.status, first.headers.get('retry-after'), first.headers.get('retry-after-ms')]).toEqual([503, null, '500'])
  patient.retrying(1, 'busy')
  const second = await patient.fetch(url)
  expect(second.status).toBe(400)
  expect(await told(second)).toEqual({ kind: 'refused', status: 429, message: 'busy' })
})

test('what will not pass is told at once', async () => {
  const patient = createPatientFetch(answering(new Response('who are you', { status: 401 })), 5)
  expect(await told(await patient.fetch(url))).toEqual({ kind: 'refused', status: 401, message: 'who are you' })
})

test('a provider that does not answer is unreachable, one that breaks off is interrupted', async () => {
  const unreachable = createPatientFetch(answering(Object.assign(new Error('no'), { code: 'ConnectionRefused' })), 0)
  expect(await told(await unreachable.fetch(url))).toEqual({ kind: 'unreachable', status: null, message: 'ConnectionRefused: no' })
  const closed = createPatientFetch(
    answering(Object.assign(new Error('The socket connection was closed unexpectedly.'), { code: 'ECONNRESET' })),
    0,
  )
  expect(await told(await closed.fetch(url))).toMatchObject({ kind: 'interrupted', status: null })
  const interrupted = createPatientFetch(answering(new Response('half')), 0)
  expect((await interrupted.fetch(url)).status).toBe(200)
  interrupted.retrying(1, 'read timed out')
  expect(await told(await interrupted.fetch(url))).toEqual({ kind: 'interrupted', status: null, message: 'read timed out' })
})

test('an answer, or the end of the turn, makes everything good', async () => {
  const broken = () => new Response('', { status: 500 })
  const patient = createPatientFetch(answering(broken(), new Response('ok'), broken(), broken()), 1)
  expect((await patient.fetch(url)).status).toBe(503)
  patient.retrying(1, '')
  expect((await patient.fetch(url)).status).toBe(200)
  expect((await patient.fetch(url)).status).toBe(503)
  patient.retrying(2, '')
  patient.reset()
  expect((await patient.fetch(url)).status).toBe(503)
})

test('a call that OpenCode gives up stays given up', async () => {
  const patient = createPatientFetch(answering(new Error('aborted')), 5)
  await expect(patient.fetch(url, { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
})
