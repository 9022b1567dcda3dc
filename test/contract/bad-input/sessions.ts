// oxlint-disable vitest/no-standalone-expect -- a row is checked inside of the test that bad-input.test.ts makes of it
import { lstat, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { answers, canary, post, send, type Row } from './target.ts'

/** `POST /sessions` with a JSON body, as text so that it can be wrong in every way. */
function creates(
  id: string,
  name: string,
  body: string,
  status: number | readonly number[],
  error?: string,
  daemon: 'open' | 'strict' = 'open',
): Row {
  return answers(id, name, post('/sessions', body, [['Content-Length', String(Buffer.byteLength(body, 'latin1'))]]), status, error, daemon)
}

const many = (count: number, value: string) =>
  JSON.stringify({ env: Object.fromEntries(Array.from({ length: count }, (_unused, index) => [`V${index}`, value])) })
const deep = '{"a":'.repeat(100) + '1' + '}'.repeat(100)

const list = (path: string): Promise<readonly string[]> => readdir(path).catch(() => [])

/** 5.5: creating a session. */
export const sessionRows: readonly Row[] = [
  {
    id: 'B066',
    name: 'namespaces that differ in little have homes of their own, made at the first task',
    async check({ open, stage }) {
      const names = ['a_b', 'a.b', 'Foo', 'foo']
      const homes = join(stage.folder.dataDir, 'namespaces')
      const before = await list(homes)
      const sessions = await Promise.all(
        names.map((credentialNamespace) => open.client.createSession(stage.session({ credentialNamespace }))),
      )
      expect(await list(homes)).toEqual(before)
      for (const { session_id } of sessions) await open.client.finish(await open.client.startTask(session_id, 'anything'))
      const made = (await readdir(homes)).filter((name) => !before.includes(name))
      expect(made).toHaveLength(names.length)
      expect(new Set(made.map((name) => name.toLowerCase())).size).toBe(names.length)
      for (const name of made) expect((await lstat(join(homes, name))).mode & 0o777).toBe(0o700)
    },
  },
  ...['health', 'auth', 'default'].map((name) => creates('B067', `namespace ${name}`, JSON.stringify({ credentialNamespace: name }), 201)),
  {
    id: 'B068',
    name: 'namespaces of sessions that have no task make no folders',
    async check({ open, stage }) {
      const homes = join(stage.folder.dataDir, 'namespaces')
      const before = await list(homes)
      const bodies = Array.from({ length: 300 }, (_unused, index) => ({ credentialNamespace: `n${index}` }))
      const statuses = await Promise.all(bodies.map(async (body) => (await open.client.post('/sessions', body)).status))
      expect(new Set(statuses)).toEqual(new Set([201]))
      expect(await list(homes)).toEqual(before)
    },
  },
  ...['', '.', '..', '-a', 'a/b', 'a'.repeat(65), 'a b'].map((name) =>
    creates('B067', `namespace ${name.slice(0, 10)}`, JSON.stringify({ credentialNamespace: name }), 400, 'invalid_request'),
  ),
  creates('B069', 'shared under --no-shared', '{"isolationLevel":"shared"}', 403, 'isolation_not_allowed', 'strict'),
  creates('B069', 'shared with a namespace', '{"isolationLevel":"shared","credentialNamespace":"x"}', 400, 'invalid_request'),
  creates('B069', 'an unknown isolation level', '{"isolationLevel":"xyz"}', 400, 'invalid_request'),
  creates('B069', 'an unknown isolation mode', '{"isolationMode":"root"}', 400, 'invalid_request'),
  ...[
    '"relative"',
    '""',
    '5',
    '["/"]',
    '"~"',
    JSON.stringify(`/${'x'.repeat(5_000)}`),
    '"/a\\u0000b"',
    '"/a\\nb"',
    '"/nowhere-at-all"',
    'null',
  ].map((cwd) => creates(/x{9}|\\u|\\n/.test(cwd) ? 'B076' : 'B070', `cwd ${cwd.slice(0, 20)}`, `{"cwd":${cwd}}`, [400, 403])),
  ...['/', '/proc', '/dev', '/sys', '{workspace}/../', '{workspace}x', '{dataDir}', '{workspace}/../state'].map((cwd): Row => ({
    id: cwd.startsWith('{workspace}') ? 'B073' : 'B072',
    name: `cwd ${cwd}`,
    async check({ open, stage }) {
      const path = cwd.replace('{workspace}', stage.folder.workspace).replace('{dataDir}', stage.folder.dataDir)
      const made = path.endsWith('workspacex') ? await mkdir(path, { recursive: true }) : undefined
      expect(await open.client.post('/sessions', { cwd: path })).toMatchObject({ status: 403, body: { error: 'cwd_not_allowed' } })
      if (made !== undefined) await rm(made, { recursive: true })
    },
  })),
  {
    id: 'B074',
    name: 'a link inside the root that leads out of it',
    async check({ open, stage }) {
      const link = join(stage.folder.workspace, 'link-out')
      await symlink('/etc', link)
      expect(await open.client.post('/sessions', { cwd: link })).toMatchObject({ status: 403, body: { error: 'cwd_not_allowed' } })
      await rm(link)
    },
  },
  {
    id: 'B075',
    name: 'a directory that becomes such a link after the session was made',
    async check({ open, stage }) {
      const place = join(stage.folder.workspace, 'place')
      await mkdir(place)
      const { session_id } = await open.client.createSession(stage.session({ cwd: place }))
      await rm(place, { recursive: true })
      await symlink('/etc', place)
      const end = await open.client.finish(await open.client.startTask(session_id, 'anything'))
      expect(end).toMatchObject({ type: 'task.failed', payload: { error: { code: 'cwd_not_allowed' } } })
      await rm(place)
    },
  },
  creates('B078', 'env null', '{"env":null}', 201),
  ...['[]', '"x"', '5', '{"A":5}', '{"A":null}', '{"A":{}}'].map((env) =>
    creates('B079', `env ${env}`, `{"env":${env}}`, 400, 'invalid_request'),
  ),
  ...['', 'A=B', 'A\\u0000', 'x'.repeat(4_096)].map((name) =>
    creates('B080', `env name ${name.slice(0, 10)}`, `{"env":{"${name}":"x"}}`, 400, 'invalid_env'),
  ),
  ...[
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'BASH_ENV',
    'GIT_SSH_COMMAND',
    'PYTHONSTARTUP',
    'DYLD_INSERT_LIBRARIES',
    'HOME',
    'XDG_CONFIG_HOME',
    'CODEX_HOME',
    'CLAUDE_CONFIG_DIR',
  ].map((name) =>
    creates(/HOME|XDG|CONFIG/.test(name) ? 'B082' : 'B081', `env ${name}`, `{"env":{"${name}":"${canary}"}}`, 400, 'invalid_env'),
  ),
  creates('B084', '2,000 variables', many(2_000, 'x'), 400, 'invalid_env'),
  creates('B084', 'variables of more than 64 KB', many(70, 'x'.repeat(1_000)), 400, 'invalid_env'),
  {
    id: 'B085',
    name: 'a secret in env stays out of what is shown',
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(stage.session({ env: { MY_SECRET: canary }, permissionMode: 'yolo' }))
      await open.client.finish(await open.client.startTask(session_id, 'look around'))
      expect(JSON.stringify(await open.client.events(session_id))).not.toContain(canary)
      expect((await open.client.get(`/sessions/${session_id}`)).text).not.toContain(canary)
    },
  },
  ...['"nope"', '"__proto__"', '"constructor"'].map((name) =>
    creates('B086', `runtime ${name}`, `{"runtime":${name}}`, 400, 'unknown_runtime'),
  ),
  ...['""', '5', 'null', '{}'].map((name) => creates('B086', `runtime ${name}`, `{"runtime":${name}}`, 400, 'invalid_request')),
  ...['"root"', '"YOLO"', '1'].map((mode) =>
    creates('B087', `permissionMode ${mode}`, `{"permissionMode":${mode}}`, 400, 'invalid_request'),
  ),
  creates('B087', "yolo above the daemon's maximum", '{"permissionMode":"yolo"}', 403, 'permission_mode_not_allowed', 'strict'),
  ...['"on"', 'true', 'null'].map((mode) => creates('S001', `sandbox ${mode}`, `{"sandbox":${mode}}`, 400, 'invalid_request')),
  creates('S001', 'a sandbox that this daemon does not have', '{"sandbox":"require"}', 409, 'sandbox_unavailable', 'strict'),
  ...['"/tmp"', '[""]', '[5]', '["relative"]', '["/nowhere-at-all"]', '["/a\\u0000b"]', JSON.stringify(Array(65).fill('/tmp'))].map(
    (roots) => creates('S002', `readableRoots ${roots.slice(0, 20)}`, `{"readableRoots":${roots}}`, 400, 'invalid_request'),
  ),
  ...['["/etc"]', '["/"]', '["/nowhere-at-all"]'].map((roots) =>
    creates('S003', `writableRoots ${roots} outside the workspace roots`, `{"writableRoots":${roots}}`, 403, 'root_not_allowed'),
  ),
  creates('S003', 'a writable root that is a file', '{"writable_roots":["/etc/passwd"]}', 400, 'invalid_request', 'strict'),
  ...['/proc', '/sys/kernel', '/dev', '{dataDir}', '{dataDir}/namespaces'].map((root): Row => ({
    id: 'S004',
    name: `readableRoots ${root}`,
    async check({ open, stage }) {
      const path = root.replace('{dataDir}', stage.folder.dataDir)
      if (path !== root) await mkdir(path, { recursive: true })
      const answer = await open.client.post('/sessions', { readableRoots: [path] })
      expect(answer).toMatchObject({ status: 403, body: { error: 'root_not_allowed' } })
    },
  })),
  ...['[]', '"*"', '{"allow":"*"}', '{"allow":[5]}'].map((network) =>
    creates('S005', `network ${network}`, `{"network":${network}}`, 400, 'invalid_request'),
  ),
  ...['https://example.com', 'example.com/x', 'a b', '', '*.', '**', 'x:0', 'x:65536', 'x:', '[::1]', 'user@x', '-x', 'x..'].map((host) =>
    creates('S005', `network.allow ${host}`, JSON.stringify({ network: { allow: [host] } }), 400, 'invalid_request'),
  ),
  {
    id: 'S006',
    name: 'what a session is let through to is told by its first event, in either spelling of the request',
    async check({ open, stage }) {
      const { workspace } = stage.folder
      const roots = { writable: [join(workspace, '..', 'workspace')], readable: ['/etc/passwd', '/etc/passwd'] }
      const allow = ['Packages.Example.com', '*.example.org:8443', '*']
      for (const body of [
        { sandbox: 'off', writableRoots: roots.writable, readableRoots: roots.readable, network: { allow } },
        { sandbox: 'off', writable_roots: roots.writable, readable_roots: roots.readable, network: { allow } },
      ]) {
        const { session_id } = await open.client.createSession(body)
        const { payload } = await open.client.event(session_id, 'session.created')
        expect(payload.sandbox).toEqual({
          mode: 'off',
          writable_roots: [workspace],
          readable_roots: ['/etc/passwd'],
          network: { allow: ['packages.example.com', '*.example.org:8443', '*'] },
        })
      }
    },
  },
  ...['[]', '"x"', '5', 'null', 'true'].map((body) => creates('B088', `the body ${body}`, body, 400, 'invalid_request')),
  creates(
    'B090',
    '__proto__ at depth 5 of runtimeConfig',
    '{"runtimeConfig":{"a":{"b":{"c":{"d":{"__proto__":{"x":1}}}}}}}',
    400,
    'invalid_request',
  ),
  {
    id: 'B091',
    name: 'of repeated keys the last one wins, in the answer and in the event',
    async check({ open }) {
      const answer = await send(open, post('/sessions', '{"title":"first","title":"second"}'))
      const { session_id, title }: { session_id: string; title: string } = JSON.parse(answer?.body ?? '')
      expect(title).toBe('second')
      expect(await open.client.events(session_id)).toMatchObject([{ payload: { title: 'second' } }])
    },
  },
  ...['{', '{"a":1,}', '{"a":NaN}', "{'a':1}", '{"a":"b', '{}{}'].map((body) =>
    creates('B092', `the body ${body}`, body, 400, 'invalid_json'),
  ),
  creates('B093', 'invalid UTF-8', '{"model":"\xff\xfe"}', 400, 'invalid_json'),
  creates('B094', 'a lone surrogate', '{"model":"\\ud800"}', [201, 400]),
  creates('B095', 'nested 100 deep', `{"runtimeConfig":${deep}}`, 400, 'invalid_request'),
  creates('B096', 'a body of 1 MiB', `{"title":"x"${' '.repeat(1_048_576 - 13)}}`, 201),
  creates('B096', 'a body of 1 MiB and a byte', `{"title":"x"${' '.repeat(1_048_576 - 12)}}`, 413, 'payload_too_large'),
  {
    id: 'B096',
    name: 'a chunked body of 2 MiB',
    async check({ open }) {
      const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`
      const answer = await send(
        open,
        `POST /sessions HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(32)}0\r\n\r\n`,
      )
      expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } })
    },
  },
  creates('B097', 'a number of a million digits', `{"metadata":{},"x":${'9'.repeat(1_000_000)}}`, 400, 'invalid_request'),
  creates('B097', '1e999', '{"approvalTimeoutMs":1e999}', 400, 'invalid_request'),
  {
    id: 'B098',
    name: 'an unknown field is ignored and told',
    async check({ open }) {
      const answer = await open.client.post('/sessions', { brandNew: 1 })
      expect(answer.status).toBe(201)
      expect(answer.headers.get('x-codesdkd-ignored-fields')).toBe('brandNew')
    },
  },
  creates('B099', 'a model name of 1 MB', JSON.stringify({ model: 'x'.repeat(1_000_000) }), 400, 'invalid_request'),
  ...['--flag', '; rm -rf /', '$(touch x)'].map((model) => creates('B099', `model ${model}`, JSON.stringify({ model }), 201)),
]
