import { lstat, mkdir, mkdtempDisposable, readFile, readdir, readlink, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import type { RuntimeEnv, SessionSpec } from '../../core/ports.ts'
import { prepareHome } from './home.ts'
import type { HomeOptions } from './home.ts'

const spec: SessionSpec = {
  sessionId: 'session',
  cwd: '/workspace',
  model: null,
  permissionMode: 'ask',
  runtimeConfig: {},
  resume: null,
  isolationLevel: 'namespaced',
  trustWorkspace: false,
}

function options(home: string, more: { readonly spec?: Partial<SessionSpec>; readonly env?: Partial<RuntimeEnv> } = {}): HomeOptions {
  let ids = 0
  return {
    env: { executable: null, home, shared: false, variables: {}, offlineUrl: null, ...more.env },
    spec: { ...spec, ...more.spec },
    mark: 'm',
    attempts: 1,
    newId: () => `${(ids += 1)}1111111-2222-4333-8444-555555555555`,
  }
}

test('a home has our settings and rules, and nothing that was left in it', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  await using first = await prepareHome(options(root.path))
  const folder = path.join(first.directory, '.gemini')
  for (const name of ['policies', 'extensions/x', 'commands', 'tmp/other', 'tmp/workspace/checkpoints'])
    await mkdir(path.join(folder, name), { recursive: true })
  await writeFile(path.join(folder, 'settings.json'), '{"tools":{"allowed":["run_shell_command"]}}')
  await writeFile(path.join(folder, '.env'), 'GEMINI_API_KEY=x')
  await writeFile(path.join(first.directory, 'none.json'), '{"tools":{"allowed":["run_shell_command"]}}')
  await using second = await prepareHome(options(root.path))
  expect(second.directory).toBe(first.directory)
  expect((await readdir(first.directory)).toSorted()).toEqual(['.gemini', 'scratch'])
  expect((await readdir(folder)).toSorted()).toEqual(['.env', 'codesdkd.toml', 'settings.json', 'tmp'])
  expect(await readdir(path.join(folder, 'tmp'))).toEqual(['workspace'])
  expect((await readdir(path.join(folder, 'tmp', 'workspace'))).toSorted()).toEqual(['.project_root', 'chats'])
  expect(await readFile(path.join(folder, '.env'), 'utf8')).toBe('')
  expect(JSON.parse(await readFile(path.join(folder, 'settings.json'), 'utf8')).tools).not.toHaveProperty('allowed')
  expect((await stat(first.directory)).mode & 0o777).toBe(0o700)
  expect((await stat(path.join(folder, 'settings.json'))).mode & 0o777).toBe(0o600)
})

test('a conversation that is known is kept, and only that', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  await using first = await prepareHome(options(root.path))
  const [fresh] = first.conversations
  expect(first.conversations).toEqual([{ id: fresh?.id, resumed: false }])
  const chats = path.join(first.directory, '.gemini', 'tmp', 'workspace', 'chats')
  const [name = ''] = await readdir(chats)
  await writeFile(path.join(chats, name), `${await readFile(path.join(chats, name), 'utf8')}{"more":1}\n`)
  await writeFile(path.join(chats, 'session-2026-01-01T00-00-11111111.jsonl'), '{}\n')
  const again = options(root.path, { spec: { resume: fresh?.id ?? '' } })
  await using second = await prepareHome({ ...again, newId: () => 'aaaaaaaa-2222-4333-8444-555555555555' })
  expect(second.conversations).toEqual([
    { id: fresh?.id, resumed: true },
    { id: 'aaaaaaaa-2222-4333-8444-555555555555', resumed: false },
  ])
  expect(await readdir(chats)).toHaveLength(2)
  expect(await readFile(path.join(chats, name), 'utf8')).toContain('"more"')
  for (const resume of ['bbbbbbbb-0000-4000-8000-000000000000', '../../etc', '']) {
    await using other = await prepareHome(options(root.path, { spec: { resume } }))
    expect(other.conversations.map(({ resumed }) => resumed)).toEqual([false])
  }
})

test('a shared home links the login of the user, of which there is only one', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const user = path.join(root.path, 'user', '.gemini')
  await mkdir(user, { recursive: true })
  await writeFile(path.join(user, 'oauth_creds.json'), '{}')
  await writeFile(path.join(user, 'settings.json'), '{"tools":{"allowed":["run_shell_command"]}}')
  const shared = { env: { shared: true, variables: { HOME: path.join(root.path, 'user') } } }
  await using home = await prepareHome(options(path.join(root.path, 'agent'), shared))
  const folder = path.join(home.directory, '.gemini')
  expect(await readlink(path.join(folder, 'oauth_creds.json'))).toBe(path.join(user, 'oauth_creds.json'))
  expect(await readdir(folder)).not.toContain('google_accounts.json')
  expect((await lstat(path.join(folder, 'settings.json'))).isFile()).toBe(true)
  expect(await readFile(path.join(user, 'settings.json'), 'utf8')).toContain('allowed')
})

test('what belongs to one process goes with it', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  let scratch = ''
  {
    await using home = await prepareHome(options(root.path))
    scratch = home.scratch
    await writeFile(path.join(scratch, 'file'), '')
  }
  await expect(stat(scratch)).rejects.toThrow('ENOENT')
})

test('a text that was too long for the model does not stay in the way of a conversation', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  await using first = await prepareHome(options(root.path))
  const resume = first.conversations[0]?.id ?? ''
  const chats = path.join(first.directory, '.gemini', 'tmp', 'workspace', 'chats')
  const [name = ''] = await readdir(chats)
  const before = await readFile(path.join(chats, name), 'utf8')
  const long = {
    id: 'x',
    type: 'gemini',
    toolCalls: [{ result: [{ functionResponse: { response: { output: `a${'b'.repeat(5_000_000)}c` } } }] }],
  }
  await writeFile(path.join(chats, name), `${before}${JSON.stringify(long)}\n{"half":"${'x'.repeat(400_000)}`)
  await using second = await prepareHome({
    ...options(root.path, { spec: { resume } }),
    newId: () => 'aaaaaaaa-2222-4333-8444-555555555555',
  })
  expect(second.conversations[0]).toEqual({ id: resume, resumed: true })
  const [head, thought, message = '', rest] = (await readFile(path.join(chats, name), 'utf8')).split('\n')
  expect(`${head}\n${thought}\n`).toBe(before)
  expect(JSON.parse(message).toolCalls[0].result[0].functionResponse.response.output).toMatch(/^ab+\n\[.* too long .*\]\nb+c$/)
  expect(message.length).toBeLessThan(301_000)
  expect(rest).toBe('')
})
