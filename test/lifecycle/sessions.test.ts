import { existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBench, type TestBench } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'

const scenarios = [
  { name: 'hello', prompt: 'hello', legs: [{ text: 'Hello.' }] },
  {
    name: 'home',
    prompt: 'where is home',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'printf "%s %s" "$HOME" "$XDG_CACHE_HOME" > home.txt' }] }, { text: 'There.' }],
  },
]

/** Every problem has its code at top level, and says what it refuses. */
const problem = (status: number, error: string, members: object = {}) => ({ status, body: { error, ...members } })

describe('a daemon that allows everything', () => {
  let bench: TestBench
  beforeAll(async () => {
    bench = await createBench({ scenarios })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  const create = (body: object) => bench.client.post('/sessions', { cwd: bench.folder.workspace, ...body })
  const namespaces = () => join(bench.folder.dataDir, 'namespaces')

  test('the variables of a session are strings, and at most 1,000 of 64 KB', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (_unused, index) => [`V${index}`, '']))
    for (const env of [[], 'A=1', { A: 1 }, { A: null }, { A: {} }])
      expect(await create({ env }), JSON.stringify(env)).toMatchObject(problem(400, 'invalid_request'))
    expect(await create({ env: many })).toMatchObject(problem(400, 'invalid_env', { limit: 1_000, current: 1_001 }))
    expect(await create({ env: { A: 'x'.repeat(64 * 1024) } })).toMatchObject(problem(400, 'invalid_env', { limit: 65_536 }))
    expect(await create({ env: null })).toMatchObject({ status: 201 })
    expect(await create({ env: { A: '', LANG: 'de_DE.UTF-8', PATH: '/usr/bin:/bin' } })).toMatchObject({ status: 201 })
  })

  test.each(['', 'A=B', 'A\0', ' A', '1A', 'ä', 'A'.repeat(4_096)])('%j is no name of a variable', async (name) => {
    expect(await create({ env: { [name]: 'planted-value' } })).toMatchObject(problem(400, 'invalid_env', { variable: name.slice(0, 64) }))
  })

  test.each([
    'LD_PRELOAD',
    'ld_library_path',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'NODE_PATH',
    'BASH_ENV',
    'ENV',
    'GIT_SSH_COMMAND',
    'GIT_CONFIG_COUNT',
    'GIT_EXEC_PATH',
    'PYTHONSTARTUP',
    'BASH_FUNC_ls',
    'HOME',
    'XDG_CONFIG_HOME',
    'CODEX_HOME',
    'CLAUDE_CONFIG_DIR',
    'CODESDKD_PROCESS',
    'CODESDKD_TOKEN',
  ])("%s is not a session's to set", async (name) => {
    const answer = await create({ env: { FINE: '1', [name]: 'planted-value' } })
    expect(answer).toMatchObject(problem(400, 'invalid_env', { variable: name }))
    expect(answer.text).not.toContain('planted-value')
  })

  test('a PATH has absolute parts only, and no value has a NUL', async () => {
    for (const PATH of ['bin', '.:/bin', '/bin:', ''])
      expect(await create({ env: { PATH } }), PATH).toMatchObject(problem(400, 'invalid_env', { variable: 'PATH' }))
    expect(await create({ env: { A: 'a\0b' } })).toMatchObject(problem(400, 'invalid_env', { variable: 'A' }))
  })

  test.each(['', '.', 'workspace', '~', '~/x', 5, null, `/${'x'.repeat(5_000)}`, '/tmp\0', '/tmp\n', '/there/is/nothing/here'])(
    '%j is no working directory',
    async (cwd) => {
      expect(await create({ cwd })).toMatchObject(problem(400, 'invalid_request'))
    },
  )

  test("the data directory and the system's own are no working directories", async () => {
    for (const cwd of [bench.folder.dataDir, '/proc', '/sys', '/dev', '/dev/shm'])
      expect(await create({ cwd }), cwd).toMatchObject(problem(403, 'cwd_not_allowed', { field: 'cwd' }))
  })

  test('a namespace is a plain name', async () => {
    for (const credentialNamespace of ['', '.', '..', 'a/b', '-a', 'a b', 'ä', 'a'.repeat(65), '\0', 5, null, {}]) {
      expect(await create({ credentialNamespace }), JSON.stringify(credentialNamespace)).toMatchObject(problem(400, 'invalid_request'))
    }
    for (const credentialNamespace of ['health', 'auth', 'default', 'a_b', 'a.b', 'Foo', 'foo'])
      expect(await create({ credentialNamespace }), credentialNamespace).toMatchObject({ status: 201 })
  })

  test('"shared" is for the namespace "default" alone', async () => {
    expect(await create({ isolationLevel: 'shared' })).toMatchObject({ status: 201, body: { isolation_level: 'shared' } })
    expect(await create({ isolationLevel: 'shared', credentialNamespace: 'team' })).toMatchObject(
      problem(400, 'invalid_request', { allowed: ['namespaced', 'ephemeral'] }),
    )
    expect(await create({ credentialNamespace: 'team' })).toMatchObject({ body: { isolation_level: 'namespaced' } })
    expect(await create({})).toMatchObject({ body: { isolation_level: 'shared' } })
    expect(await create({ isolationLevel: 'ephemeral' })).toMatchObject({ body: { isolation_level: 'ephemeral' } })
    expect(await create({ isolationLevel: 'xyz' })).toMatchObject(problem(400, 'invalid_request'))
    expect(await create({ isolationMode: 'root' })).toMatchObject(problem(400, 'invalid_request'))
    expect(await create({ isolationMode: 'in_process' })).toMatchObject(
      problem(400, 'unsupported_isolation_mode', { allowed: ['subprocess'] }),
    )
  })

  test('naming namespaces makes no directories; the first task of a session does', async () => {
    const before = existsSync(namespaces()) ? readdirSync(namespaces()).toSorted() : []
    for (let index = 0; index < 100; index += 1) await create({ credentialNamespace: `crowd-${index}` })
    for (let index = 0; index < 20; index += 1) await bench.client.get(`/auth/status?credential_namespace=crowd-${index}`)
    await bench.client.get('/health')
    expect(existsSync(namespaces()) ? readdirSync(namespaces()).toSorted() : []).toEqual(before)
    const session = await bench.client.createSession(bench.session({ credentialNamespace: 'crowd-7' }))
    expect((await bench.client.finish(await bench.client.startTask(session.session_id, 'hello'))).type).toBe('task.completed')
    const made = readdirSync(namespaces()).filter((name) => !before.includes(name))
    expect(made).toHaveLength(1)
    expect(statSync(join(namespaces(), made[0] ?? '')).mode & 0o777).toBe(0o700)
  })

  test('what differs only in case or punctuation has different homes, and an ephemeral session its own', { timeout: 60_000 }, async () => {
    const homes: string[] = []
    for (const more of [
      { credentialNamespace: 'Foo' },
      { credentialNamespace: 'foo' },
      { isolationLevel: 'ephemeral' },
      { isolationLevel: 'ephemeral' },
    ]) {
      const session = await bench.client.createSession(bench.session({ permissionMode: 'yolo', ...more }))
      expect((await bench.client.finish(await bench.client.startTask(session.session_id, 'where is home'))).type).toBe('task.completed')
      homes.push((await bench.folder.read('home.txt')) ?? '')
    }
    expect(new Set(homes).size).toBe(4)
    for (const home of homes) {
      const [path = '', cache = ''] = home.split(' ')
      expect(path.startsWith(namespaces())).toBe(true)
      expect(cache).toBe(join(path, '.cache'))
      expect(statSync(path).mode & 0o777).toBe(0o700)
    }
  })

  test('a working directory that is gone, or is another one by now, ends the task before any agent starts', async () => {
    const place = join(bench.folder.path, 'place')
    mkdirSync(place)
    const session = await bench.client.createSession(bench.session({ cwd: place }))
    renameSync(place, `${place}-moved`)
    const fails = async () => (await bench.client.finish(await bench.client.startTask(session.session_id, 'hello'))).payload
    const expected = { reason: 'error', error: { code: 'cwd_not_allowed', retryable: false } }
    expect(await fails()).toMatchObject(expected)
    symlinkSync(`${place}-moved`, place)
    expect(await fails()).toMatchObject(expected)
    expect((await bench.client.events(session.session_id)).map(({ type }) => type)).not.toContain('model.input')
  })
})

describe('a daemon that confines', () => {
  let bench: TestBench
  let place: TestFolder
  let root: string
  beforeAll(async () => {
    place = await createFolder()
    root = join(place.path, 'root')
    for (const name of ['root/project', 'rootx', 'outside']) mkdirSync(join(place.path, name), { recursive: true })
    symlinkSync('/etc', join(root, 'etc'))
    bench = await createBench({
      scenarios,
      args: ['--workspace-root', root, '--no-shared', '--max-permission-mode', 'auto', '--default-permission-mode', 'ask'],
    })
  })
  afterAll(async () => {
    await bench[Symbol.asyncDispose]()
    await place[Symbol.asyncDispose]()
  })

  test('works in its roots alone, in the first unless told otherwise', async () => {
    const { client } = bench
    expect(await client.post('/sessions', {})).toMatchObject({ status: 201, body: { cwd: root } })
    expect(await client.post('/sessions', { cwd: join(root, 'project') })).toMatchObject({ status: 201 })
    for (const cwd of ['/', place.path, `${root}x`, `${root}/../outside`, `${root}/etc`, bench.folder.dataDir, '/there/is/nothing/here']) {
      expect(await client.post('/sessions', { cwd }), cwd).toMatchObject(problem(403, 'cwd_not_allowed', { field: 'cwd' }))
    }
  })

  test('looks again when a task starts', async () => {
    const project = join(root, 'project')
    const session = await bench.client.createSession(bench.session({ cwd: project }))
    renameSync(project, `${project}-moved`)
    symlinkSync('/etc', project)
    const end = await bench.client.finish(await bench.client.startTask(session.session_id, 'hello'))
    expect(end).toMatchObject({ type: 'task.failed', payload: { error: { code: 'cwd_not_allowed' } } })
  })

  test('shares no login', async () => {
    expect(await bench.client.post('/sessions', { isolationLevel: 'shared' })).toMatchObject(
      problem(403, 'isolation_not_allowed', { allowed: ['namespaced', 'ephemeral'] }),
    )
    expect(await bench.client.post('/sessions', {})).toMatchObject({
      body: { credential_namespace: 'default', isolation_level: 'namespaced' },
    })
  })

  test('allows modes up to its maximum, for sessions and for tasks', async () => {
    expect(await bench.client.post('/sessions', {})).toMatchObject({ body: { permission_mode: 'ask' } })
    const session = await bench.client.createSession({ permissionMode: 'auto' })
    const refused = problem(403, 'permission_mode_not_allowed', { allowed: ['ask', 'auto'] })
    expect(await bench.client.post('/sessions', { permissionMode: 'yolo' })).toMatchObject(refused)
    const task = { messages: [{ role: 'user', content: 'hello' }], permissionMode: 'yolo' }
    expect(await bench.client.post(`/sessions/${session.session_id}/tasks`, task)).toMatchObject(refused)
    for (const permissionMode of ['root', 'YOLO', 1])
      expect(await bench.client.post('/sessions', { permissionMode })).toMatchObject(problem(400, 'invalid_request'))
  })
})
