import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { readInvocation, type Config } from './config.ts'
import { StartFailure } from '../core/start-failure.ts'
import { options, usage } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'codesdkd-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const token = 'a-token-of-sixteen-characters'
let files = 0

function file(content: string): string {
  const path = join(folder, `file-${files++}`)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

/** Reads with an environment in which there is nothing else. */
function read(argv: readonly string[], env: NodeJS.ProcessEnv = {}, environmentToken: string | null = null): Config {
  const invocation = readInvocation(argv, { HOME: folder, ...env }, environmentToken)
  if (invocation.command !== 'serve') throw new Error('it does not serve')
  return invocation.config
}

function refusal(argv: readonly string[], env: NodeJS.ProcessEnv = {}, environmentToken: string | null = null): string {
  try {
    read(argv, env, environmentToken)
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    expect(error.exitCode).toBe(2)
    expect(error.message).not.toContain('\n')
    expect(error.message).not.toContain(token)
    return error.message
  }
  throw new Error('it was accepted')
}

describe('where a setting comes from', () => {
  const config = () => file(JSON.stringify({ port: 1, max_running_tasks: 1, 'max-queued-tasks': 1, workspace_root: ['/a', '/b,c'] }))

  test('a flag wins over the environment, the environment over the file', () => {
    const env = { CODESDKD_PORT: '2', CODESDKD_MAX_RUNNING_TASKS: '2' }
    expect(read(['--config', config(), '--port', '3'], env)).toMatchObject({
      listen: { port: 3 },
      maxRunningTasks: 2,
      maxQueuedTasks: 1,
      workspaceRoots: ['/a', '/b,c'],
    })
  })

  test('lists are replaced, not joined', () => {
    const env = { CODESDKD_WORKSPACE_ROOT: '/c, /d' }
    expect(read(['--config', config()], env).workspaceRoots).toEqual(['/c', '/d'])
    expect(read(['--config', config(), '--workspace-root', '/e', '--workspace-root', 'f'], env).workspaceRoots).toEqual([
      '/e',
      resolve('f'),
    ])
  })

  test('the file is found by flag, by variable, or at its usual place', () => {
    const usual = join(folder, 'usual')
    mkdirSync(join(usual, 'codesdkd'), { recursive: true })
    writeFileSync(join(usual, 'codesdkd', 'config.json'), '{"max_sse_clients": 7}')
    expect(read([], { XDG_CONFIG_HOME: usual }).maxSseClients).toBe(7)
    expect(read([], { XDG_CONFIG_HOME: usual, CODESDKD_CONFIG: file('{"max_sse_clients": 8}') }).maxSseClients).toBe(8)
    expect(read(['--config', file('{"max_sse_clients": 9}')], { CODESDKD_CONFIG: '/nowhere' }).maxSseClients).toBe(9)
  })

  test('a relative base directory does not count: it would be read from wherever the daemon starts', () => {
    expect(read([], { XDG_CONFIG_HOME: '', XDG_STATE_HOME: 'state' }).dataDir).toBe(join(folder, '.local/state/codesdkd'))
    expect(read([], { XDG_STATE_HOME: '/var/state' }).dataDir).toBe('/var/state/codesdkd')
    expect(read([], { HOME: '' }).dataDir).toBe(join(homedir(), '.local/state/codesdkd'))
  })

  test('where settings and tokens are is told, so that no agent sees them', () => {
    const files = [file('{}'), file(token)]
    expect(read(['--config', files[0] ?? '', '--token-file', files[1] ?? '']).privateFiles).toEqual([
      join(folder, '.config/codesdkd/config.json'),
      ...files,
    ])
    expect(new Set(read([]).privateFiles)).toEqual(new Set([join(folder, '.config/codesdkd/config.json')]))
  })

  test('an empty variable counts as none', () => {
    expect(read([], { CODESDKD_PORT: '', CODESDKD_CONFIG: '', CODESDKD_AUTH: '' })).toMatchObject({ listen: { port: 0 } })
  })

  test('every option can be given in each of the three ways', () => {
    const values: Partial<Record<keyof typeof options, string>> = {
      host: '127.0.0.1',
      port: '0',
      listen: 'unix:/s',
      runtimes: 'codex',
      'default-permission-mode': 'ask',
      'max-permission-mode': 'auto',
      auth: 'token',
      'token-file': file(token),
      'base-path': '/x',
      'parent-watch': 'off',
      'log-level': 'warn',
      'offline-scenario': file('{}'),
      agent: 'mine=my-agent --acp, loudly',
      sandbox: 'require',
      'network-allow': '*.example.org:8443',
      retain: '30d',
    }
    for (const [name, { value: shown }] of Object.entries(options)) {
      const value = values[name as keyof typeof options] ?? (shown === null ? 'true' : '12')
      const byFlag = read(shown === null ? [`--${name}`] : [`--${name}`, value])
      expect(read([], { [`CODESDKD_${name.toUpperCase().replaceAll('-', '_')}`]: value }), name).toEqual(byFlag)
      const { privateFiles } = byFlag
      const byFile = read(['--config', file(JSON.stringify({ [name.replaceAll('-', '_')]: value }))])
      expect({ ...byFile, privateFiles }, name).toEqual(byFlag)
      expect(usage).toContain(`--${name}`)
    }
  })
})

describe('what makes no sense is refused in one line', () => {
  test.each<[string, readonly string[], NodeJS.ProcessEnv, RegExp]>([
    ['an unknown flag', ['--prot', '1'], {}, /^Unknown option '--prot'; try: codesdkd --help$/],
    ['a flag without its value', ['--port'], {}, /--port.* argument missing/],
    ['a switch with a value', ['--metrics=yes'], {}, /--metrics.* does not take an argument/],
    ['a port that is none', ['--port', '65536'], {}, /^flag port: .*65535/],
    ['an empty port', ['--port='], {}, /^flag port: must be a number$/],
    ['half a port', ['--port', '80.5'], {}, /^flag port: /],
    ['a port in another notation', ['--port', '0x50'], {}, /^flag port: must be a number$/],
    ['a negative port', ['--port=-1'], {}, /^flag port: must be a number$/],
    ['an unknown command', ['start'], {}, /^unknown command "start"/],
    ['an argument too many', ['serve', 'me'], {}, /^unexpected argument "me"/],
    ['a way to listen that is none', ['--listen', '/run/codesdkd.sock'], {}, /^flag listen: must be unix:<path>$/],
    ['a base path that is none', ['--base-path', 'codesdkd/../x'], {}, /^flag base-path: must be a path such as/],
    ['a number of the environment', [], { CODESDKD_MAX_RUNNING_TASKS: 'many' }, /^environment max-running-tasks: must be a number$/],
    ['no task at all', [], { CODESDKD_MAX_RUNNING_TASKS: '0' }, /^environment max-running-tasks: /],
    ['a switch of the environment', [], { CODESDKD_METRICS: 'perhaps' }, /^environment metrics: must be true or false$/],
    ['a config file that is not there', ['--config', '/nowhere.json'], {}, /^cannot read the config file \/nowhere\.json$/],
    ['a scenario file that is not there', ['--offline-scenario', '/nowhere.json'], {}, /^cannot read the scenario file \/nowhere\.json$/],
    ['a scenario file that is a directory', ['--offline-scenario', folder], {}, /^cannot read the scenario file /],
    ['a sandbox that is none', ['--sandbox', 'yes'], {}, /^flag sandbox: .*"auto"\|"require"\|"off"$/],
    ['a host that is a URL', ['--network-allow', 'https://example.com'], {}, /^flag network-allow: must be a host such as /],
    ['a port of a host that is none', [], { CODESDKD_NETWORK_ALLOW: 'a.example,b.example:65536' }, /^environment network-allow: .*port/],
    [
      'a default mode above the maximum',
      ['--max-permission-mode', 'ask', '--default-permission-mode', 'auto'],
      {},
      /^the default permission mode auto is above the maximum, ask$/,
    ],
  ])('%s', (_what, argv, env, says) => {
    expect(refusal(argv, env)).toMatch(says)
  })

  test.each([
    ['{"portt": 1}', /^unknown config file key "portt"/],
    ['{"constructor": 1}', /^unknown config file key "constructor"/],
    ['{"config": "x"}', /^unknown config file key "config"/],
    ['{"port": null}', /^config file key port: must be a number$/],
    ['{"port": true}', /^config file key port: must be a number$/],
    ['{"auth": "maybe"}', /^config file key auth: .*"same-user"/],
    ['{"runtimes": [""]}', /^config file key runtimes: /],
    ['[1]', /is not a JSON object$/],
    ['{"port": 1,}', /is not a JSON object$/],
  ])('config file %s', (content, says) => {
    expect(refusal(['--config', file(content)])).toMatch(says)
  })

  test('whatever the arguments are, the answer is settings or one line', () => {
    const word = fc.oneof(fc.constantFrom(...Object.keys(options).map((name) => `--${name}`), '--help', '--', 'serve'), fc.string())
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (argv) => {
        try {
          readInvocation(argv, { HOME: folder })
        } catch (error) {
          expect(error).toBeInstanceOf(StartFailure)
        }
      }),
    )
  })
})

describe('further agents', () => {
  const mine = { name: 'mine', command: 'my-agent', args: ['--acp', 'two words'] }

  test('come from flags, from lines of the environment and from the file; a flag wins over the file', () => {
    const config = file(
      JSON.stringify({
        agents: [
          { name: 'mine', command: '/bin/old' },
          { name: 'other', command: '/bin/other', env: { A: '1' } },
        ],
      }),
    )
    const { agents } = read(['--config', config, '--agent', 'mine=my-agent --acp "two words"'])
    expect(agents).toMatchObject([mine, { name: 'other', command: '/bin/other', args: [], env: { A: '1' } }])
    expect(read([], { CODESDKD_AGENT: 'mine=my-agent --acp "two words"\nother=/bin/other a,b' }).agents).toMatchObject([
      mine,
      { name: 'other', args: ['a,b'] },
    ])
    expect(read([]).agents).toEqual([])
  })

  test.each<[string, readonly string[], RegExp]>([
    ['without a command', ['--agent', 'mine'], /^flag agent: .*name=command/],
    ['with an open quote', ['--agent', 'mine=x "y'], /^flag agent: /],
    ['with a name that is none', ['--agent', '../x=y'], /^flag agent: .*must be 1 to 64/],
    ['with the name of a runtime', ['--agent', 'codex-sdk=x'], /^the name of the agent "codex-sdk" is already taken$/],
    ['with an alias', ['--agent', 'claude=x'], /^the name of the agent "claude" is already taken$/],
    ['that would be all', ['--agent', 'all=x'], /^the name of the agent "all" is already taken$/],
    ['twice', ['--agent', 'x=a', '--agent', 'x=b'], /^the name of the agent "x" is already taken$/],
  ])('%s', (_what, argv, says) => {
    expect(refusal(argv)).toMatch(says)
  })

  test.each([
    ['{"agents": {}}', /^config file key agents: must be an array$/],
    ['{"agents": [{"name": "x"}]}', /^config file key agents: .*command/],
    ['{"agents": [{"name": "x", "command": "y", "more": 1}]}', /^config file key agents: .*more/],
    ['{"agents": [1]}', /^config file key agents: /],
  ])('config file %s', (content, says) => {
    expect(refusal(['--config', file(content)])).toMatch(says)
  })
})

describe('what a sandbox lets through', () => {
  test('is nothing by default', () => {
    expect(read([])).toMatchObject({ sandbox: 'auto', writableRoots: [], readableRoots: [], networkAllow: [], namespaces: new Map() })
  })

  test('is told for all sessions, and for those of a namespace', () => {
    const namespaces = { team: { network: { allow: ['*.example.org'] }, writable_roots: ['/srv/team', 'here'] }, other: {} }
    const config = file(JSON.stringify({ writable_root: ['/w'], network_allow: ['a.example'], namespaces }))
    expect(read(['--config', config, '--readable-root', 'there', '--readable-root', '/r', '--sandbox', 'off'])).toMatchObject({
      sandbox: 'off',
      writableRoots: ['/w'],
      readableRoots: [resolve('there'), '/r'],
      networkAllow: ['a.example'],
      namespaces: new Map([
        ['team', { writableRoots: ['/srv/team', resolve('here')], readableRoots: [], networkAllow: ['*.example.org'] }],
        ['other', { writableRoots: [], readableRoots: [], networkAllow: [] }],
      ]),
    })
  })

  test.each([
    ['{"namespaces": []}', /^config file key namespaces: /],
    ['{"namespaces": {"../x": {}}}', /^config file key namespaces\.\.\.\/x: /],
    ['{"namespaces": {"team": {"writable_roots": "/x"}}}', /^config file key namespaces\.team\.writable_roots: .*array/],
    ['{"namespaces": {"team": {"writableRoots": []}}}', /^config file key namespaces\.team: .*"writableRoots"/],
    ['{"namespaces": {"team": {"network": {"allow": ["a b"]}}}}', /^config file key namespaces\.team\.network\.allow\.0: must be a host/],
    ['{"namespaces": {"team": {"network": {"deny": []}}}}', /^config file key namespaces\.team\.network: .*"deny"/],
  ])('config file %s', (content, says) => {
    expect(refusal(['--config', file(content)])).toMatch(says)
  })
})

test('each executable can be named', () => {
  const flags = ['--codex-bin', '/c', '--gemini-bin', '/g', '--opencode-bin', 'o']
  expect([...read(flags, { CODESDKD_CLAUDE_BIN: '/a' }).executables]).toEqual([
    ['codex-sdk', '/c'],
    ['claude-agent-sdk', '/a'],
    ['gemini-cli-core', '/g'],
    ['opencode-server', resolve('o')],
  ])
})

describe('codesdkd agents', () => {
  const request = (...argv: string[]) => {
    const invocation = readInvocation(['agents', ...argv], { HOME: folder })
    return invocation.command === 'agents' ? invocation.request : invocation
  }

  test('knows what it is to do, and the same settings', () => {
    expect(request('list')).toEqual({ action: 'list', json: false })
    expect(request('doctor', '--json')).toEqual({ action: 'doctor', json: true })
    expect(request('install', 'codex')).toEqual({ action: 'install', name: 'codex-sdk', json: false })
    expect(request('verify', 'all', '--json')).toEqual({ action: 'verify', name: 'all', json: true })
    expect(request('login', 'claude', '--namespace', 'team')).toEqual({
      action: 'login',
      name: 'claude-agent-sdk',
      namespace: 'team',
      args: [],
    })
    expect(request('login', 'codex', '--', '--device-auth')).toEqual({
      action: 'login',
      name: 'codex-sdk',
      namespace: null,
      args: ['--device-auth'],
    })
    expect(readInvocation(['agents', 'list', '--data-dir', '/d'], { HOME: folder })).toMatchObject({ config: { dataDir: '/d' } })
  })

  test.each<[readonly string[], RegExp]>([
    [['agents'], /^codesdkd agents needs one of list, install, login, verify, doctor$/],
    [['agents', 'remove'], /^codesdkd agents needs one of .*, not "remove"$/],
    [['agents', 'list', 'codex'], /^unexpected argument "codex"/],
    [['agents', 'install'], /^which agent\? try: codesdkd agents install/],
    [['agents', 'verify', 'codex', 'claude'], /^unexpected argument "claude"/],
    [['agents', 'login'], /^which agent\?/],
    [['agents', 'login', 'codex', '--json'], /^Unknown option '--json'/],
    [['agents', 'login', 'codex', '--namespace', '../x'], /^flag namespace: must be 1 to 64/],
    [['agents', 'list', '--namespace', 'team'], /^Unknown option '--namespace'/],
    [['serve', '--json'], /^Unknown option '--json'/],
    [['--namespace', 'team'], /^Unknown option '--namespace'/],
  ])('%j is refused', (argv, says) => {
    expect(refusal(argv)).toMatch(says)
  })
})

describe('codesdkd keys', () => {
  const request = (...argv: string[]) => {
    const invocation = readInvocation(['keys', ...argv], { HOME: folder })
    return invocation.command === 'keys' ? invocation.request : invocation
  }

  test('knows what it is to do', () => {
    expect(request('list', '--json')).toEqual({ action: 'list', json: true })
    const claude = { action: 'set', name: 'claude-agent-sdk', namespace: 'default', variable: null }
    expect(request('set', 'claude')).toEqual({ ...claude, endpoint: null })
    const endpoint = 'https://models.example.com/v1'
    expect(request('set', 'claude', '--endpoint', endpoint)).toEqual({ ...claude, endpoint })
    expect(request('remove', 'mine', '--namespace', 'team', '--variable', 'MY_KEY')).toEqual({
      action: 'remove',
      name: 'mine',
      namespace: 'team',
      variable: 'MY_KEY',
    })
  })

  test.each<[readonly string[], RegExp]>([
    [['keys'], /^codesdkd keys needs one of set, list, remove$/],
    [['keys', 'show'], /^codesdkd keys needs one of .*, not "show"$/],
    [['keys', 'set'], /^which runtime\? try: codesdkd keys set <runtime>$/],
    [['keys', 'set', 'codex', token], /^unexpected argument; a key is never an argument/],
    [['keys', 'list', 'codex'], /^unexpected argument/],
    [['keys', 'set', 'codex', '--endpoint', 'models.example.com'], /endpoint/],
    [['keys', 'remove', 'codex', '--endpoint', 'https://models.example.com'], /endpoint/],
    [['keys', 'set', 'codex', '--json'], /^Unknown option '--json'/],
    [['keys', 'list', '--namespace', 'team'], /^Unknown option '--namespace'/],
    [['keys', 'set', 'codex', '--namespace', '../x'], /^flag namespace: must be 1 to 64/],
    [['agents', 'login', 'codex', '--variable', 'X'], /^Unknown option '--variable'/],
    [['--variable', 'X'], /^Unknown option '--variable'/],
  ])('%j is refused', (argv, says) => {
    expect(refusal(argv)).toMatch(says)
  })
})

describe('who may connect', () => {
  const file0600 = () => file(token)

  test('a token switches token mode on, wherever it comes from', () => {
    expect(read(['--token-file', file0600()])).toMatchObject({ auth: 'token', token })
    expect(read([], {}, token)).toMatchObject({ auth: 'token', token })
    expect(read(['--token-file', file0600()], {}, 'another-token-of-the-environment')).toMatchObject({ auth: 'token', token })
    expect(read(['--auth', 'token'])).toMatchObject({ auth: 'token', token: null })
  })

  test('a token that the mode would ignore is refused', () => {
    for (const auth of ['same-user', 'none']) {
      expect(refusal(['--auth', auth, '--token-file', file0600()])).toBe(`a token was given, but --auth is ${auth}`)
      expect(refusal(['--auth', auth], {}, token)).toBe(`a token was given, but --auth is ${auth}`)
    }
  })

  test('an address of others needs a token', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.com', '127.0.0.1.example.com']) {
      expect(refusal(['--host', host]), host).toMatch(/^refusing to listen on /)
      expect(refusal(['--host', host, '--auth', 'none']), host).toMatch(/^refusing to listen on /)
      expect(read(['--host', host, '--auth', 'token']).listen, host).toEqual({ host, port: 0 })
    }
    for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost'])
      expect(read(['--host', host]).listen, host).toEqual({ host, port: 0 })
  })
})

test('the names that people type are the names on the wire', () => {
  expect(read(['--runtimes', 'codex,claude', '--runtimes', 'gemini-cli-core', '--default-runtime', 'claude'])).toMatchObject({
    runtimes: ['codex-sdk', 'claude-agent-sdk', 'gemini-cli-core'],
    defaultRuntime: 'claude-agent-sdk',
  })
})

test('the mode of a session that names none is never above the maximum', () => {
  expect(read(['--max-permission-mode', 'ask'])).toMatchObject({ defaultPermissionMode: 'ask', maxPermissionMode: 'ask' })
  expect(read([])).toMatchObject({ defaultPermissionMode: 'auto', maxPermissionMode: 'yolo' })
  expect(read(['--default-permission-mode', 'yolo'])).toMatchObject({ defaultPermissionMode: 'yolo', maxPermissionMode: 'yolo' })
})

test('times are seconds outside and milliseconds inside', () => {
  expect(read(['--approval-timeout', '0.25', '--agent-idle-timeout', '90'])).toMatchObject({
    approvalTimeoutMs: 250,
    agentIdleTimeoutMs: 90_000,
  })
})

test('--help and --version win over settings, not over mistakes', () => {
  expect(readInvocation(['--help', '--port', '99999'], {})).toEqual({ command: 'help' })
  expect(readInvocation(['--version'], {})).toEqual({ command: 'version' })
  expect(refusal(['--help', '--prot'])).toMatch(/--prot/)
})
