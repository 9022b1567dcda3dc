import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { TestClient } from '../harness/client.ts'
import { createFolder } from '../harness/workspace.ts'
import { bearer } from './testing/tokens.ts'

/** Where whoever shows no token is the owner, a minted token must narrow that, and never be taken for none. */
describe.each(['same-user', 'none'])('minted tokens under --auth %s', (auth) => {
  const stack = new AsyncDisposableStack()
  let client: TestClient
  let cwd: string
  beforeAll(async () => {
    const folder = stack.use(await createFolder())
    cwd = folder.workspace
    const invocation = readInvocation(['--data-dir', folder.dataDir, '--log-level', 'silent', '--auth', auth], { HOME: folder.path })
    if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
    client = new TestClient(stack.use(await createDaemon(invocation.config)).url)
  }, 60_000)
  afterAll(() => stack.disposeAsync())

  const createSession = async (): Promise<string> => (await client.createSession({ cwd })).session_id

  test('give their part of the rights and no more', async () => {
    const [one, other] = [await createSession(), await createSession()]
    const { status, body } = await client.post('/tokens', { sessions: [one], verbs: ['events:read', 'sessions:read'] })
    expect(status).toBe(201)
    const page = bearer(body.token)
    expect((await client.get(`/sessions/${one}/events`, page)).status).toBe(200)
    expect((await client.get(`/sessions/${other}/events`, page)).body).toMatchObject({ error: 'session_not_found' })
    expect((await client.get(`/sessions/${other}/events`)).status).toBe(200)
    const listed = (await client.get('/sessions', page)).body.sessions.map((session: { session_id: string }) => session.session_id)
    expect(listed).toEqual([one])
    expect((await client.post(`/sessions/${one}/tasks`, { messages: [{ role: 'user', content: 'x' }] }, page)).body).toMatchObject({
      error: 'verb_not_allowed',
    })
    expect((await client.post('/tokens', { verbs: ['events:read'] }, page)).body).toMatchObject({
      error: 'verb_not_allowed',
      verb: 'tokens:mint',
    })
    const seen = new Set<string>()
    for await (const { event, data } of client.frames('/events?until=idle', { headers: page }))
      if (event === undefined) seen.add(JSON.parse(data).trace.session_id)
    expect([...seen]).toEqual([one])
    expect((await client.request('DELETE', `/tokens/${body.token_id}`)).status).toBe(204)
  })

  test('that are revoked or made up are refused, not taken for the owner', async () => {
    const { body } = await client.post('/tokens', { verbs: ['sessions:read'] })
    expect((await client.get('/sessions', bearer(body.token))).status).toBe(200)
    const wrong = body.token.replace(/.$/, (last: string) => (last === 'A' ? 'B' : 'A'))
    expect((await client.get('/sessions', bearer(wrong))).body).toMatchObject({ error: 'unauthorized' })
    expect((await client.request('DELETE', `/tokens/${body.token_id}`)).status).toBe(204)
    expect((await client.get('/sessions', bearer(body.token))).body).toMatchObject({ error: 'unauthorized' })
  })

  // The count is the same in every mode, and a thousand requests take their time.
  test.runIf(auth === 'none')('are at most 1,000; one that is revoked makes room', { timeout: 60_000 }, async () => {
    const mint = () => client.post('/tokens', { verbs: ['events:read'], ttl_s: 3_600 })
    let last = await mint()
    let made = 0
    for (let next = last; next.status === 201 && made <= 1_000; next = await mint()) [last, made] = [next, made + 1]
    expect(made).toBe(1_000)
    expect(await mint()).toMatchObject({ status: 429, body: { error: 'too_many_tokens', limit: 1_000, current: 1_000 } })
    expect((await client.request('DELETE', `/tokens/${last.body.token_id}`)).status).toBe(204)
    expect((await mint()).status).toBe(201)
    expect((await mint()).status).toBe(429)
  })
})
