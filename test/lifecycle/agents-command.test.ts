import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { spawnDaemon } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { codesdkd, executable, run, type Ended } from './testing/host.ts'
import { openRegistry, type Package } from './testing/registry.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Whoever runs the tests may have a configuration, a key and a login of their own. */
const nobody = {
  XDG_CONFIG_HOME: '/nonexistent',
  HOME: '/nonexistent',
  CODEX_HOME: undefined,
  OPENAI_API_KEY: undefined,
  CODEX_API_KEY: undefined,
}

const agents = (folder: TestFolder, args: readonly string[], env: Env = {}): Promise<Ended> =>
  codesdkd(['agents', ...args, '--data-dir', folder.dataDir], { ...nobody, ...env })

/** An executable in the place of Codex. */
function script(folder: TestFolder, lines: string): string {
  const path = join(folder.path, 'codex')
  writeFileSync(path, `#!/bin/sh\n${lines}\n`, { mode: 0o700 })
  return path
}

describe.concurrent('codesdkd agents list', () => {
  test('says what is there, and makes nothing', async () => {
    await using folder = await createFolder()
    const { code, stdout, stderr } = await agents(folder, ['list', '--runtimes', 'codex'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [head, codex] = stdout.split('\n')
    expect(head).toMatch(/^RUNTIME +ALIAS +INSTALLED +VERSION +LOGGED IN +VERIFIED +WHERE$/)
    expect(codex).toMatch(/^codex-sdk \* +codex +yes +\d+\.\d+\.\S* +no +never +\/.*\/codex \(packaged\)$/)
    expect(existsSync(folder.dataDir)).toBe(false)
  })

  test('says it to scripts, further agents and what is missing included', async () => {
    await using folder = await createFolder()
    const env = { CODESDKD_CODEX_BIN: '/nonexistent', CODESDKD_AGENT: 'mine=sh -c true' }
    const { code, stdout } = await agents(folder, ['list', '--json', '--runtimes', 'codex,mine'], env)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      runtimes: [
        { runtime: 'codex-sdk', default: true, installed: false, executable: null, executable_source: null },
        { runtime: 'mine', default: false, installed: true, executable: expect.stringMatching(/\/sh$/), executable_source: 'path' },
      ],
    })
  })
})

describe.concurrent('codesdkd agents verify', () => {
  test('measures beside a daemon that runs, which knows it at once', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    await using daemon = await spawnDaemon(['--data-dir', folder.dataDir])
    const { code, stdout, stderr } = await agents(folder, ['verify', 'codex'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^codex \d+\.\d+\.\S+: as declared\n/)
    expect(stdout).toMatch(/\nask-denied +permission_model +request +request +\d+ +ok +The agent asked; the denied command did not run\.\n/)
    expect((await daemon.client.get('/capabilities')).body).toMatchObject({ verified_at: expect.any(String), differences: [] })
  })

  test('fails for an agent that does not start, and says so', async () => {
    await using folder = await createFolder()
    const bin = script(folder, 'test "$1" = --version && exec echo codex-cli 9.8.7\nexit 3')
    const { code, stdout } = await agents(folder, ['verify', 'codex', '--json', '--codex-bin', bin])
    expect(code).toBe(1)
    const { verifications } = JSON.parse(stdout)
    expect(verifications).toMatchObject([{ runtime: 'codex-sdk', agent_version: '9.8.7', differences: [] }])
    expect(verifications[0].probes[0]).toMatchObject({ measured: null, ok: false, detail: expect.stringContaining('agent_start_failed') })
  })

  test('of all leaves out what is not installed; of that one alone it is an error', async () => {
    await using folder = await createFolder()
    const missing = ['--runtimes', 'codex', '--codex-bin', '/nonexistent']
    expect(await agents(folder, ['verify', 'all', ...missing])).toEqual({ code: 0, stdout: 'No agent is installed.\n', stderr: '' })
    expect(await agents(folder, ['verify', 'codex', ...missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'codesdkd: The agent is not installed.\n',
    })
  })
})

describe.concurrent('codesdkd agents doctor', () => {
  test('is content with an agent that is there and a key', async () => {
    await using folder = await createFolder()
    const { code, stdout } = await agents(folder, ['doctor', '--runtimes', 'codex'], { OPENAI_API_KEY: 'sk-of-the-test' })
    expect(stdout).toMatch(/^ok +codex: \d+\.\d+/m)
    expect(stdout).toMatch(/^\w+ +sandbox: \S/m)
    expect(stdout).toMatch(/^ok +keys: none is stored$/m)
    expect(stdout).toMatch(/\ncodex-sdk, the default runtime, can be used\.\n$/)
    expect(stdout).not.toContain('sk-of-the-test')
    expect(code).toBe(0)
  })

  test.each<[string, (folder: TestFolder) => Env, object]>([
    ['not logged in', () => ({}), { about: 'codex', level: 'error', mend: expect.stringContaining('codesdkd agents login codex') }],
    [
      'not installed',
      () => ({ CODESDKD_CODEX_BIN: '/nonexistent' }),
      { about: 'codex', level: 'error', message: 'it is not installed', mend: 'codesdkd agents install codex' },
    ],
    [
      'too old',
      (folder) => ({ CODESDKD_CODEX_BIN: script(folder, 'echo codex-cli 0.9.1') }),
      {
        about: 'codex',
        level: 'warning',
        message: expect.stringMatching(/^0\.9\.1 is older than \d/),
        mend: 'codesdkd agents install codex',
      },
    ],
    [
      'broken',
      (folder) => ({ CODESDKD_CODEX_BIN: script(folder, 'exit 1') }),
      { about: 'codex', level: 'error', message: 'Codex did not tell its version.', mend: 'codesdkd agents install codex' },
    ],
    [
      'without a place for its data',
      () => ({ CODESDKD_DATA_DIR: '/proc/nothing' }),
      {
        about: 'data directory',
        level: 'error',
        message: expect.stringContaining('/proc/nothing'),
        mend: 'choose another one with --data-dir',
      },
    ],
  ])('says what is wrong and what mends it: %s', async (_what, toEnv, finding) => {
    await using folder = await createFolder()
    const env = { CODESDKD_DATA_DIR: folder.dataDir, ...nobody, ...toEnv(folder) }
    const { code, stdout } = await codesdkd(['agents', 'doctor', '--json', '--runtimes', 'codex'], env)
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, findings: expect.arrayContaining([expect.objectContaining(finding)]) })
    expect(code).toBe(1)
  })
})

describe.concurrent('codesdkd agents login', () => {
  test("is Codex's own login, in the home of the namespace: a daemon then finds it there and nowhere else", async () => {
    await using folder = await createFolder()
    const words = ['agents', 'login', 'codex', '--namespace', 'team', '--data-dir', folder.dataDir, '--', '--with-api-key']
    const typed = 'echo sk-typed-in-by-the-test | "$0" "$@"'
    const ended = await run('sh', ['-c', typed, process.execPath, executable, ...words], { env: nobody })
    expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/codex is logged in in the namespace team\.\n$/) })
    await using daemon = await spawnDaemon(['--data-dir', folder.dataDir], { HOME: '/nonexistent' })
    const status = async (query: string) => (await daemon.client.get(`/auth/status?runtime=codex${query}`)).body
    expect(await status('&credential_namespace=team')).toMatchObject({ logged_in: true })
    expect(await status('&credential_namespace=other')).toMatchObject({
      logged_in: false,
      login_hint:
        'Run "codesdkd agents login codex --namespace other", or store a key (OPENAI_API_KEY) with "codesdkd keys set codex --namespace other".',
    })
    expect(await status('')).toMatchObject({
      logged_in: false,
      login_hint: expect.stringMatching(/^Run "codesdkd agents login codex", or store a key/),
    })
  })

  test('ends as the agent ends, and is in the home of its user for the shared namespace', async () => {
    await using folder = await createFolder()
    const told = join(folder.path, 'told')
    const bin = script(folder, `echo "$CODEX_HOME $HOME $*" > '${told}'\nexit 7`)
    const env = { HOME: join(folder.path, 'ada'), CODESDKD_CODEX_BIN: bin, CODEX_HOME: undefined }
    expect(await agents(folder, ['login', 'codex'], env)).toMatchObject({ code: 7, stdout: 'codex is not logged in.\n' })
    expect(await readFile(told, 'utf8')).toMatch(new RegExp(`^ ${env.HOME} .*login\n$`))
    expect(await agents(folder, ['login', 'codex', '--no-shared'], env)).toMatchObject({ code: 7 })
    expect(await readFile(told, 'utf8')).toMatch(
      new RegExp(`^${folder.dataDir}/namespaces/[0-9a-f]+/agents/codex-sdk ${folder.dataDir}/namespaces/`),
    )
  })

  test('of an agent without one says what to do instead', async () => {
    await using folder = await createFolder()
    const { code, stdout } = await agents(folder, ['login', 'mine', '--agent', 'mine=sh'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'mine has no login command of its own. Log in to mine with its own command.\n' })
  })
})

/** Codex as its packages look, with a script in the place of the program. */
function codexPackages(version: string, says: string): readonly Package[] {
  const platform = `${process.platform}-${process.arch}`
  const native = `@openai/codex-${platform}`
  const files = { 'vendor/some-triple/bin/codex': `#!/bin/sh\n${says}\n` }
  return [
    {
      name: '@openai/codex',
      version,
      manifest: {
        optionalDependencies: { [native]: `npm:@openai/codex@${version}-${platform}` },
        scripts: { postinstall: 'echo ran > ran' },
      },
    },
    { name: '@openai/codex', version: `${version}-${platform}`, files },
  ]
}

describe.concurrent('codesdkd agents install', () => {
  const pinned = '0.169.0'

  test('puts the pinned version into the data directory; when it does not work, what was there stays', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    const installed = join(folder.dataDir, 'agents')
    const npm = (url: string): Env => ({ npm_config_registry: url, npm_config_cache: join(folder.path, 'npm'), HOME: folder.path })
    await using good = await openRegistry(codexPackages(pinned, `echo codex-cli ${pinned}`))
    const first = await agents(folder, ['install', 'codex', '--json'], npm(good.url))
    expect(first, first.stderr).toMatchObject({ code: 0 })
    const program = join(installed, `codex-sdk/node_modules/@openai/codex-${process.platform}-${process.arch}/vendor/some-triple/bin/codex`)
    expect(JSON.parse(first.stdout)).toMatchObject({
      runtimes: [{ runtime: 'codex-sdk', installed: true, version: pinned, executable: program }],
    })
    expect(existsSync(join(installed, 'codex-sdk/node_modules/@openai/codex/ran'))).toBe(false)
    expect(statSync(join(installed, 'codex-sdk')).mode & 0o777).toBe(0o700)

    await using broken = await openRegistry(codexPackages(pinned, 'exit 1'))
    const again = { ...npm(broken.url), npm_config_cache: join(folder.path, 'npm-2') }
    expect(await agents(folder, ['install', 'codex'], again)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('does not work here'),
    })
    await using empty = await openRegistry([])
    const none = { ...npm(empty.url), npm_config_cache: join(folder.path, 'npm-3') }
    expect(await agents(folder, ['install', 'codex'], none)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('npm could not install'),
    })
    expect(readdirSync(installed)).toEqual(['codex-sdk'])
    expect((await agents(folder, ['list', '--runtimes', 'codex'])).stdout).toContain(`${program} (installed)`)
  })

  test('refuses what is not ours to install, and names nobody knows', async () => {
    await using folder = await createFolder()
    expect(await agents(folder, ['install', 'mine', '--agent', 'mine=sh'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^mine: it is not installed with npm/),
    })
    expect(await agents(folder, ['install', 'cody'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^codesdkd: unknown runtime "cody"; there are: .*\n$/),
    })
  })

  test('needs npm', async () => {
    await using folder = await createFolder()
    const { code, stdout } = await agents(folder, ['install', 'codex'], { PATH: '/nonexistent' })
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'codex: npm was found neither beside node nor on the PATH.\n' })
  })
})
