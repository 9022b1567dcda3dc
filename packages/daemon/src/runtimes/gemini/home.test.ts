import { lstat, mkdir, mkdtempDisposable, readFile, readdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { prepareHome } from './home.ts'
import type { HomeOptions } from './home.ts'

function options(
  home: string,
  more: { readonly spec?: Partial<HomeOptions['spec']>; readonly login?: HomeOptions['login'] } = {},
): HomeOptions {
  let ids = 0
  return {
    home,
    spec: { cwd: '/workspace', resume: null, trustWorkspace: false, ...more.spec },
    login: more.login ?? [],
    attempts: 1,
    newId: () => `${(ids += 1)}1111111-2222-4333-8444-555555555555`,
  }
}

test('a home has our settings and rules, and nothing that was left in it', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  await using _first = await prepareHome(options(root.path))
  const folder = path.join(root.path, '.gemini')
  for (const name of ['policies', 'extensions/x', 'commands', 'tmp/other', 'tmp/workspace/checkpoints'])
    await mkdir(path.join(folder, name), { recursive: true })
  await writeFile(path.join(folder, 'settings.json'), '{"tools":{"allowed":["run_shell_command"]}}')
  await writeFile(path.join(folder, '.env'), 'GEMINI_API_KEY=x')
  await writeFile(path.join(root.path, 'none.json'), '{"tools":{"allowed":["run_shell_command"]}}')
  await using _second = await prepareHome(options(root.path))
  expect((await readdir(root.path)).toSorted()).toEqual(['.gemini', 'scratch'])
  expect((await readdir(folder)).toSorted()).toEqual(['.env', 'codesdkd.toml', 'settings.json', 'tmp'])
  expect(await readdir(path.join(folder, 'tmp'))).toEqual(['workspace'])
  expect((await readdir(path.join(folder, 'tmp', 'workspace'))).toSorted()).toEqual(['.project_root', 'chats'])
  expect(await readFile(path.join(folder, '.env'), 'utf8')).toBe('')
  expect(JSON.parse(await readFile(path.join(folder, 'settings.json'), 'utf8')).tools).not.toHaveProperty('allowed')
  expect((await stat(root.path)).mode & 0o777).toBe(0o700)
  expect((await stat(path.join(folder, 'settings.json'))).mode & 0o777).toBe(0o600)
})

test('a conversation that is known is kept, and only that', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  await using first = await prepareHome(options(root.path))
  const [fresh] = first.conversations
  expect(first.conversations).toEqual([{ id: fresh?.id, resumed: false }])
  const chats = path.join(root.path, '.gemini', 'tmp', 'workspace', 'chats')
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

test('the login that a session is to use is linked, and none that was there before', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const file = path.join(root.path, 'user', 'oauth_creds.json')
  await mkdir(path.dirname(file))
  await writeFile(file, '{}')
  const home = path.join(root.path, 'agent')
  const link = path.join(home, '.gemini', 'oauth_creds.json')
  {
    await using _home = await prepareHome(options(home, { login: [{ name: 'oauth_creds.json', file }] }))
    expect(await readlink(link)).toBe(file)
  }
  await rm(link)
  await writeFile(link, '{"of":"somebody else"}')
  {
    await using _home = await prepareHome(options(home, { login: [{ name: 'oauth_creds.json', file }] }))
    expect([await readlink(link), await readFile(file, 'utf8')]).toEqual([file, '{}'])
  }
  await using _home = await prepareHome(options(home))
  await expect(lstat(link)).rejects.toThrow('ENOENT')
})

test('links that were left in a home lead the daemon nowhere', async () => {
  await using root = await mkdtempDisposable(path.join(tmpdir(), 'home-'))
  const [home, outside] = [path.join(root.path, 'agent'), path.join(root.path, 'outside')]
  const id = '91111111-2222-4333-8444-555555555555'
  const files = ['settings.json', 'codesdkd.toml', '.env', 'tmp/workspace/chats/session-2000-01-01T00-00-91111111.jsonl', 'm/kept']
  const content = `{"sessionId":"${id}"}\n`
  for (const file of files) {
    await mkdir(path.dirname(path.join(outside, file)), { recursive: true })
    await writeFile(path.join(outside, file), content)
  }
  const layouts: readonly (readonly [link: string, target: string])[] = [
    ['.gemini', '.'],
    ['.gemini/tmp', 'tmp'],
    ['.gemini/tmp/workspace', 'tmp/workspace'],
    ['.gemini/tmp/workspace/chats', 'tmp/workspace/chats'],
    ...files.map((file) => [`.gemini/${file}`, file] as const),
    ['scratch', '.'],
  ]
  for (const [link, target] of layouts) {
    await rm(home, { recursive: true, force: true })
    await mkdir(path.dirname(path.join(home, link)), { recursive: true })
    await symlink(path.join(outside, target), path.join(home, link))
    {
      await using prepared = await prepareHome(options(home, { spec: { resume: id } }))
      expect(prepared.conversations.map(({ resumed }) => resumed)).toEqual([false])
      expect((await lstat(path.join(home, '.gemini', 'settings.json'))).isFile()).toBe(true)
      await rm(prepared.scratch, { recursive: true })
      await symlink(outside, prepared.scratch)
    }
    for (const file of files) expect(await readFile(path.join(outside, file), 'utf8')).toBe(content)
  }
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
  const chats = path.join(root.path, '.gemini', 'tmp', 'workspace', 'chats')
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
