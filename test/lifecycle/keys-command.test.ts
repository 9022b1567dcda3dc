import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { spawnDaemon } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { executable, host, run, type Ended } from './testing/host.ts'

/** Whoever runs the tests may have a configuration and keys of their own. */
const nobody = { XDG_CONFIG_HOME: '/nonexistent', HOME: '/nonexistent', CODEX_HOME: undefined, OPENAI_API_KEY: undefined }
const key = 'sk-of-the-test-7f3a'

/** `codesdkd keys …` with this text on its stdin. */
function keys(folder: TestFolder, args: readonly string[], typed = ''): Promise<Ended> {
  const words = ['-c', 'printf %s "$TYPED" | "$0" "$@"', process.execPath, executable, 'keys', ...args, '--data-dir', folder.dataDir]
  return run('sh', words, { env: { ...nobody, TYPED: typed } })
}

const store = (folder: TestFolder) => join(folder.dataDir, 'keys')
const files = (folder: TestFolder) => readdirSync(store(folder)).filter((name) => name.endsWith('.json'))

describe.concurrent('codesdkd keys', () => {
  test('sets, lists and removes; nothing it says has any part of a key', async () => {
    await using folder = await createFolder()
    const said: Ended[] = []
    const say = async (args: readonly string[], typed?: string) => {
      const ended = await keys(folder, args, typed)
      said.push(ended)
      return ended
    }
    expect(await say(['list'])).toEqual({ code: 0, stdout: 'No key is stored.\n', stderr: '' })
    expect(await say(['set', 'codex'], `${key}\n`)).toEqual({ code: 0, stdout: 'OPENAI_API_KEY of codex is stored.\n', stderr: '' })
    const gateway = ['--endpoint', 'https://gateway.example.com/v1/']
    expect(
      await say(['set', 'codex', '--variable', 'CODEX_API_KEY', '--namespace', 'team', ...gateway], `  ${key}\r\nmore\n`),
    ).toMatchObject({
      code: 0,
      stdout: 'CODEX_API_KEY of codex in the namespace team is stored, for https://gateway.example.com/v1 alone.\n',
    })
    expect((await say(['list'])).stdout).toBe(
      'NAMESPACE  RUNTIME    VARIABLE        ENDPOINT\ndefault    codex-sdk  OPENAI_API_KEY  -\nteam       codex-sdk  CODEX_API_KEY   https://gateway.example.com/v1\n',
    )
    expect(JSON.parse((await say(['list', '--json'])).stdout)).toEqual({
      keys: [
        { namespace: 'default', runtime: 'codex-sdk', variable: 'OPENAI_API_KEY', endpoint: null },
        { namespace: 'team', runtime: 'codex-sdk', variable: 'CODEX_API_KEY', endpoint: 'https://gateway.example.com/v1' },
      ],
    })
    for (const name of files(folder)) {
      expect(statSync(join(store(folder), name)).mode & 0o777).toBe(0o600)
      expect(readFileSync(join(store(folder), name), 'utf8')).toContain(`"${key}"`)
    }
    expect(statSync(store(folder)).mode & 0o777).toBe(0o700)
    expect(await say(['remove', 'codex', '--namespace', 'team'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ is removed\.\n$/),
    })
    expect(await say(['remove', 'codex', '--namespace', 'team'])).toMatchObject({ code: 1 })
    expect(files(folder)).toHaveLength(1)
    expect(JSON.stringify(said)).not.toContain('7f3a')
  })

  test.each<[string, readonly string[], string, RegExp]>([
    ['nothing on stdin', ['set', 'codex'], '', /^codesdkd: The key is empty\.\n$/],
    ['two words', ['set', 'codex'], `${key} ${key}`, /^codesdkd: The key has a space/],
    ['too much', ['set', 'codex'], 'x'.repeat(16 * 1024 + 1), /^codesdkd: The key is longer than 16 KB\.\n$/],
    ['a key as an argument', ['set', 'codex', key], '', /^codesdkd: unexpected argument; a key is never an argument/],
    [
      'a key as the name of its variable',
      ['set', 'codex', '--variable', key],
      key,
      /^codesdkd: codex takes no key from this variable; there are: OPENAI/,
    ],
    ['a key as its endpoint', ['set', 'codex', '--endpoint', key], key, /^codesdkd: flag endpoint: must be an http or https base URL/],
    ['an endpoint to remove', ['remove', 'codex', '--endpoint', 'https://a.example'], '', /^codesdkd: Unknown option '--endpoint'/],
    ['a runtime nobody knows', ['set', 'cody'], key, /^codesdkd: unknown runtime "cody"; there are: /],
    ['an agent that has no variable', ['set', 'mine', '--agent', 'mine=sh'], key, /^codesdkd: mine names no variable for a key/],
  ])('refuses %s', async (_what, args, typed, says) => {
    await using folder = await createFolder()
    const { code, stdout, stderr } = await keys(folder, args, typed)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(says)
    expect(stderr).not.toContain('7f3a')
  })

  test('does not wait for the end of a pipe after the line', async () => {
    await using folder = await createFolder()
    await using setting = host(['keys', 'set', 'codex', '--data-dir', folder.dataDir], { env: nobody })
    setting.child.stdin?.write(`${key}\n`)
    expect(await setting.ended).toBe(0)
  })

  test('names a damaged file and leaves it', async () => {
    await using folder = await createFolder()
    await keys(folder, ['set', 'codex'], key)
    const path = join(store(folder), files(folder)[0] ?? '')
    writeFileSync(path, '{')
    for (const args of [['list'], ['set', 'codex'], ['remove', 'codex']]) {
      const { code, stderr } = await keys(folder, args, key)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^codesdkd: The file .* with stored keys is damaged; .*\n$/)
      expect(stderr).toContain(path)
    }
    expect(readFileSync(path, 'utf8')).toBe('{')
  })

  test('works beside a daemon, which counts the key as a login at once, in its namespace alone', async () => {
    await using folder = await createFolder()
    await using daemon = await spawnDaemon(['--data-dir', folder.dataDir], { HOME: '/nonexistent' })
    const loggedIn = async (namespace: string) => {
      const { body } = await daemon.client.get(`/auth/status?runtime=codex&credential_namespace=${namespace}`)
      return body.logged_in
    }
    expect(await loggedIn('team')).toBe(false)
    expect(await keys(folder, ['set', 'codex', '--namespace', 'team'], key)).toMatchObject({ code: 0 })
    expect([await loggedIn('team'), await loggedIn('other'), await loggedIn('default')]).toEqual([true, false, false])
    await keys(folder, ['remove', 'codex', '--namespace', 'team'])
    expect(await loggedIn('team')).toBe(false)
  })
})
