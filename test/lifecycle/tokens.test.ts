import { createHash } from 'node:crypto'
import { chmodSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOfflineModel } from '@codesdkd/offline-model'
import { checkEveryAnswer } from '../contract/declared.ts'
import type { Answer } from '../harness/client.ts'
import { createFolder } from '../harness/workspace.ts'
import { TestClient } from '../harness/client.ts'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { routes } from '../../packages/daemon/src/http/routes.ts'
import { bearer, toSecret, writeTokens } from './testing/tokens.ts'
import { until } from './testing/processes.ts'

const tokens = { owner: toSecret(), a: toSecret(), b: toSecret(), reader: toSecret(), gone: toSecret() }
const A = bearer(tokens.a)
const B = bearer(tokens.b)
const owner = bearer(tokens.owner)
const stack = new AsyncDisposableStack()
let client: TestClient
let file: string
let folder: Awaited<ReturnType<typeof createFolder>>

const entries = [
  { name: 'team-a', token: tokens.a, namespaces: ['a', 'a2'], verbs: ['*'] },
  { name: 'team-b', sha256: createHash('sha256').update(tokens.b).digest('hex'), namespaces: ['b'], verbs: ['*'] },
  { name: 'reader', token: tokens.reader, namespaces: ['a'], verbs: ['sessions:read', 'events:*'] },
]

beforeAll(async () => {
  folder = stack.use(await createFolder())
  file = join(folder.path, 'tokens.json')
  writeTokens(file, { tokens: entries })
  const args = ['--data-dir', folder.dataDir, '--log-level', 'silent', '--tokens', file, '--metrics']
  const invocation = readInvocation(args, { HOME: folder.path }, tokens.owner)
  if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
  client = new TestClient(stack.use(await createDaemon(invocation.config)).url)
  await checkEveryAnswer(client, owner)
}, 60_000)
afterAll(() => stack.disposeAsync())

async function createSession(headers: Readonly<Record<string, string>>, more: object = {}): Promise<string> {
  const answer = await client.post('/sessions', { cwd: folder.workspace, ...more }, headers)
  expect(answer, answer.text).toMatchObject({ status: 201 })
  return answer.body.session_id
}

/** An answer without what must differ: the id that was asked for, and that of the request. */
function anonymous({ status, headers, text }: Answer, id: string): unknown {
  const request = headers.get('x-request-id') ?? ''
  const kept = [...headers].filter(([name]) => !['x-request-id', 'date'].includes(name))
  return { status, headers: kept, text: text.replaceAll(id, '<id>').replaceAll(request, '<request>') }
}

const hash = `sha256:${'0'.repeat(64)}`
/** Bodies with which each route that names a session gets as far as the session. */
const bodies: Readonly<Record<string, object>> = {
  updateSession: { title: 'x' },
  handOffSession: { runtime: 'claude-agent-sdk' },
  forkSession: {},
  startTask: { messages: [{ role: 'user', content: 'x' }] },
  stopTask: {},
  approveToolCall: { attempt: 1, input_hash: hash },
  denyToolCall: { attempt: 1, input_hash: hash },
  giveToolResult: { attempt: 1, input_hash: hash, result: 'x' },
  writeToolOutput: { attempt: 1, input_hash: hash, stream: 'stdout', delta: 'x' },
  answerQuestion: { outcome: 'decline' },
}

/** An id like this one that nothing has. */
const unknownLike = (id: string): string => id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))

describe('a session of others', () => {
  test.each(routes.filter(({ path }) => path.includes('{session_id}')).map((one) => [one.operationId, one] as const))(
    '%s answers as for one that is not there',
    async (operationId, { method, path, body }) => {
      const foreign = await createSession(A)
      const toPath = (id: string) => path.replace('{session_id}', id).replaceAll(/\{\w+\}/g, 'none')
      const ask = async (id: string, headers: Readonly<Record<string, string>>) =>
        client.request(method, toPath(id), body === undefined ? undefined : (bodies[operationId] ?? {}), headers)
      const none = unknownLike(foreign)
      const [toForeign, toNone] = [await ask(foreign, B), await ask(none, B)]
      expect(toForeign).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
      expect(anonymous(toForeign, foreign)).toEqual(anonymous(toNone, none))
      // Whose it is gets further, so that the sameness above is none of chance.
      expect((await ask(foreign, A)).body?.error).not.toBe('session_not_found')
    },
  )

  test('is in no list, and is no cursor', async () => {
    const [mine, theirs] = [await createSession(B), await createSession(A)]
    const listed = (await client.get('/sessions', B)).body.sessions.map((one: { session_id: string }) => one.session_id)
    expect(listed).toContain(mine)
    expect(listed).not.toContain(theirs)
    expect((await client.get('/sessions?credential_namespace=a', B)).body.sessions).toEqual([])
    for (const list of ['sessions', 'approvals', 'questions']) {
      const [foreign, none] = [
        await client.get(`/${list}?after=${theirs}`, B),
        await client.get(`/${list}?after=${unknownLike(theirs)}`, B),
      ]
      expect(foreign).toMatchObject({ status: 400, body: { error: 'invalid_cursor' } })
      expect(anonymous(foreign, theirs)).toEqual(anonymous(none, unknownLike(theirs)))
    }
  })

  test('keeps its artifacts to itself', async () => {
    const session_id = await createSession(A)
    const content = { session_id, content_type: 'text/plain', data: Buffer.from('hello').toString('base64') }
    const uploaded = await client.post('/artifacts', content, A)
    expect(uploaded.status, uploaded.text).toBe(201)
    const id: string = uploaded.body.artifact_id
    expect((await client.get(`/artifacts/${id}`, A)).text).toBe('hello')
    for (const end of ['', '/download']) {
      const [foreign, none] = [await client.get(`/artifacts/${id}${end}`, B), await client.get(`/artifacts/${unknownLike(id)}${end}`, B)]
      expect(foreign).toMatchObject({ status: 404, body: { error: 'artifact_not_found' } })
      expect(anonymous(foreign, id)).toEqual(anonymous(none, unknownLike(id)))
    }
    const [foreign, none] = [
      await client.post('/artifacts', content, B),
      await client.post('/artifacts', { ...content, session_id: unknownLike(session_id) }, B),
    ]
    expect(foreign).toMatchObject({ status: 404, body: { error: 'session_not_found' } })
    expect(anonymous(foreign, session_id)).toEqual(anonymous(none, unknownLike(session_id)))
  })

  test('is not in the stream of all events', async () => {
    const mine = [await createSession(B)]
    await createSession(A)
    mine.push(await createSession(B))
    const seen: string[] = []
    for await (const { event, data } of client.frames('/events?until=idle', { headers: B })) {
      if (event === undefined) seen.push(JSON.parse(data).trace.session_id)
    }
    expect(seen).toEqual(expect.arrayContaining(mine))
    const own = (await client.get('/sessions?limit=500', B)).body.sessions.map((one: { session_id: string }) => one.session_id)
    expect(seen.filter((id) => !own.includes(id))).toEqual([])
  })
})

test('what waits for a person is shown to those it belongs to, and the log says who decided', { timeout: 60_000 }, async () => {
  const legs = [{ tools: [{ tool: 'shell' as const, command: 'touch asked' }] }, { text: 'done' }]
  await using model = await startOfflineModel({ scenarios: [{ name: 'ask', prompt: 'ask', legs }] })
  const page = (await client.post('/tokens', { verbs: ['approvals:*'] }, A)).body
  const ofOwner = (await client.post('/tokens', { verbs: ['approvals:*'] }, owner)).body
  for (const { who, actor, decision } of [
    [A, 'team-a'],
    [bearer(page.token), `team-a/${page.token_id}`],
    [owner, undefined],
    [bearer(ofOwner.token), ofOwner.token_id],
  ].flatMap(([who, actor]) => [
    { who, actor, decision: 'approve' },
    { who, actor, decision: 'deny' },
  ])) {
    const id = await createSession(A, { model: 'gpt-5.5', permissionMode: 'ask', runtimeConfig: { base_url: `${model.url}/v1` } })
    expect((await client.post(`/sessions/${id}/tasks`, { messages: [{ role: 'user', content: 'ask' }] }, A)).status).toBe(202)
    const waiting = async () =>
      (await client.get('/approvals', A)).body.approvals.filter((one: { session_id: string }) => one.session_id === id)
    await until('the call waits', async () => (await waiting()).length === 1)
    const [{ tool_call_id, attempt, input_hash }] = await waiting()
    expect((await client.get('/approvals', B)).body.approvals).toEqual([])
    const [foreign, none] = await Promise.all(
      [tool_call_id, unknownLike(tool_call_id)].map(async (after) => client.get(`/approvals?after=${after}`, B)),
    )
    expect(foreign?.body).toMatchObject({ error: 'invalid_cursor', status: 400 })
    expect(none?.body).toMatchObject({ error: 'invalid_cursor', detail: foreign?.body.detail })
    const answer = await client.post(`/sessions/${id}/tool-calls/${tool_call_id}/${decision}`, { attempt, input_hash }, who)
    expect(answer.status, answer.text).toBe(200)
    const { events } = (await client.get(`/sessions/${id}/events`, A)).body
    const { payload } = events.find(({ type }: { type: string }) => /^tool\.call\.(approved|denied)$/.test(type))
    expect(payload.actor, decision).toBe(actor)
  }
})

describe('namespaces', () => {
  test('the first of the token is what counts where none is named; others are refused with those that are allowed', async () => {
    const made = await client.get(`/sessions/${await createSession(A)}`, A)
    expect(made.body.credential_namespace).toBe('a')
    expect((await client.get(`/sessions/${await createSession(A, { credential_namespace: 'a2' })}`, A)).body.credential_namespace).toBe(
      'a2',
    )
    for (const credential_namespace of ['b', 'default'])
      expect(await client.post('/sessions', { cwd: folder.workspace, credential_namespace }, A)).toMatchObject({
        status: 403,
        body: { error: 'namespace_not_allowed', allowed: ['a', 'a2'] },
      })
    expect((await client.get(`/sessions/${await createSession(owner)}`, owner)).body.credential_namespace).toBe('default')
    expect(await client.get('/auth/status?credential_namespace=b', A)).toMatchObject({
      status: 403,
      body: { error: 'namespace_not_allowed' },
    })
    expect((await client.get('/auth/status?credential_namespace=a', A)).status).toBe(200)
  })

  test('an Idempotency-Key of one says nothing to another', async () => {
    const headers = { 'idempotency-key': 'the-same' }
    const made = [A, B, owner].map((who) => createSession({ ...who, ...headers }))
    expect(new Set(await Promise.all(made)).size).toBe(3)
    expect(await createSession({ ...A, ...headers })).toBe(await made[0])
    const forks = await Promise.all(
      [A, B].map(async (who, index) => client.post(`/sessions/${await made[index]}/fork`, {}, { ...who, 'idempotency-key': 'f' })),
    )
    expect(forks.map(({ status }) => status)).toEqual([201, 201])
  })
})

describe('verbs', () => {
  const reader = bearer(tokens.reader)
  test.each(routes.filter((one) => one.verb !== undefined).map((one) => [one.operationId, one] as const))(
    '%s needs its own',
    async (_operationId, { method, path, verb }) => {
      // What streams does not end by itself: until the answer begins is enough.
      const response = await fetch(client.url + path.replaceAll(/\{\w+\}/g, 'none'), {
        method,
        headers: reader,
        ...(method === 'GET' ? {} : { body: '{}' }),
      })
      if (['sessions:read', 'events:read'].includes(verb ?? '')) {
        expect(response.status).not.toBe(403)
        await response.body?.cancel()
      } else {
        expect(response.status).toBe(403)
        expect(await response.json()).toMatchObject({ error: 'verb_not_allowed', verb, allowed: ['sessions:read', 'events:read'] })
      }
    },
  )
})

describe('minted tokens', () => {
  const mint = (body: object, who = A) => client.post('/tokens', body, who)

  test('have a part of the rights of their minter, and no more', async () => {
    const [one, other] = [await createSession(A), await createSession(A)]
    const { status, body } = await mint({ sessions: [one], verbs: ['events:read', 'sessions:*'], ttl_s: 60 })
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { sessions: [one], verbs: ['sessions:read', 'sessions:write', 'events:read'] },
    })
    const page = bearer(body.token)
    expect((await client.get(`/sessions/${one}/events`, page)).status).toBe(200)
    expect((await client.get(`/sessions/${other}/events`, page)).body.error).toBe('session_not_found')
    expect((await client.get('/sessions', page)).body.sessions).toHaveLength(1)
    expect((await client.post('/sessions', { cwd: folder.workspace }, page)).body.error).toBe('namespace_not_allowed')
    expect((await client.post(`/sessions/${one}/fork`, {}, page)).body.error).toBe('namespace_not_allowed')
    expect((await client.get('/approvals', page)).body).toMatchObject({ error: 'verb_not_allowed', verb: 'approvals:read' })
    expect((await mint({ verbs: ['events:read'] }, page)).body).toMatchObject({ error: 'verb_not_allowed', verb: 'tokens:mint' })
    expect((await mint({ verbs: ['tokens:mint'] })).body).toMatchObject({ error: 'verb_not_allowed', verb: 'tokens:mint' })
    expect((await mint({ sessions: [one], verbs: ['*'] }, B)).body.error).toBe('session_not_found')
    expect((await mint({ verbs: ['*'] })).body.verbs).not.toContain('tokens:mint')
  })

  test.each([
    { verbs: [] },
    { verbs: ['fly'] },
    { verbs: ['*'], ttl_s: 0 },
    { verbs: ['*'], ttl_s: 86_401 },
    { verbs: ['*'], sessions: [] },
    {},
  ])('%j is refused', async (body) => {
    expect(await mint(body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })

  test('end when they are revoked, by their minter or the owner and nobody else, and their streams with them', async () => {
    for (const by of [A, owner]) {
      const { body } = await mint({ verbs: ['events:read'] })
      const stream = client.frames('/events', { headers: bearer(body.token) })[Symbol.asyncIterator]()
      expect((await stream.next()).value).toMatchObject({ event: 'ready' })
      expect((await client.request('DELETE', `/tokens/${body.token_id}`, undefined, B)).body.error).toBe('token_not_found')
      expect((await client.request('DELETE', `/tokens/${body.token_id}`, undefined, by)).status).toBe(204)
      for (let next = await stream.next(); next.done !== true; next = await stream.next());
      expect((await client.get('/events', bearer(body.token))).status).toBe(401)
      expect((await client.request('DELETE', `/tokens/${body.token_id}`, undefined, by)).status).toBe(404)
    }
  })

  test('end with their time, and their streams with them', async () => {
    const { body } = await mint({ verbs: ['events:read'], ttl_s: 1 })
    for await (const _frame of client.frames('/events', { headers: bearer(body.token) }));
    expect((await client.get('/events', bearer(body.token))).status).toBe(401)
  })
})

describe('the file', () => {
  const unusable = async (who: Readonly<Record<string, string>>): Promise<readonly { kind: string }[]> =>
    (await client.get('/status', who)).body.issues.filter(({ kind }: { kind: string }) => kind === 'tokens_file_unusable')

  test('is read anew when it changes; what cannot be used leaves the last in force, and is an issue', async () => {
    const gone = { name: 'gone', token: tokens.gone, namespaces: '*', verbs: ['*'] }
    writeTokens(file, { tokens: [...entries, gone] })
    const who = bearer(tokens.gone)
    expect(await unusable(who)).toEqual([])
    const child = (await client.post('/tokens', { verbs: ['events:read'] }, who)).body.token
    const streams = [who, bearer(child)].map((headers) => client.frames('/events', { headers })[Symbol.asyncIterator]())
    for (const stream of streams) expect((await stream.next()).value).toMatchObject({ event: 'ready' })

    const secret = toSecret()
    for (const broken of ['{', `{"tokens":[{"token":"${secret}"}]}`, '[]']) {
      writeTokens(file, broken)
      expect(await unusable(who)).toMatchObject([{ severity: 'error' }])
      expect((await client.get('/status', who)).text).not.toContain(secret)
    }
    writeTokens(file, { tokens: entries })
    for (const stream of streams) for (let next = await stream.next(); next.done !== true; next = await stream.next());
    for (const headers of [who, bearer(child)]) expect((await client.get('/events', headers)).status).toBe(401)
    await until('the issue is gone', async () => (await unusable(owner)).length === 0)
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['one that others may read', (path) => (writeTokens(path, { tokens: [] }), chmodSync(path, 0o644)), /mode 0600/],
    ['a link', (path) => (writeTokens(`${path}.real`, { tokens: [] }), symlinkSync(`${path}.real`, path)), /not a link/],
    ['none', (path) => (writeTokens(path, ''), renameSync(path, `${path}.away`)), /cannot read/],
    ['what is not JSON', (path) => writeTokens(path, 'TOKEN'), /is not JSON$/],
    ['two of one name', (path) => writeTokens(path, { tokens: [entries[0], entries[0]] }), /same name/],
    ['neither token nor hash', (path) => writeTokens(path, { tokens: [{ ...entries[0], token: undefined }] }), /either token or sha256/],
    ['a verb that there is not', (path) => writeTokens(path, { tokens: [{ ...entries[0], verbs: ['fly'] }] }), /tokens\.0\.verbs\.0/],
    ['a key that there is not', (path) => writeTokens(path, { tokens: [{ ...entries[0], rights: 1 }] }), /rights/],
    ['no namespaces', (path) => writeTokens(path, { tokens: [{ ...entries[0], namespaces: [] }] }), /namespaces/],
  ])('%s keeps the daemon from starting', async (name, make, message) => {
    const path = join(folder.path, `${name.replaceAll(' ', '-')}.json`)
    make(path)
    const invocation = readInvocation(['--data-dir', join(folder.path, 'other'), '--tokens', path], { HOME: folder.path })
    if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
    expect(invocation.config.auth).toBe('token')
    await expect(createDaemon(invocation.config)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) })
  })

  test('goes with no other mode than token', () => {
    expect(() => readInvocation(['--tokens', file, '--auth', 'none'], { HOME: folder.path })).toThrow(/--auth is none/)
  })
})
