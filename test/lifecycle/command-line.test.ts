import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { findDaemon } from '@codesdkd/client/node'
import { spawnDaemon } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { executable, host, run, type Ended } from './testing/host.ts'

const scenarios = [
  {
    name: 'mend',
    prompt: { regex: '^mend it$' },
    legs: [
      {
        text: 'I will correct it.',
        tools: [
          {
            tool: 'edit',
            path: 'greet.js',
            old_text: 'export const greet = (name) => `Helo, ${name}!`;',
            new_text: 'export const greet = (name) => `Hello, ${name}!`;',
          },
        ],
      },
      { text: 'It is mended.' },
    ],
  },
  { name: 'trick', prompt: { regex: '^trick$' }, legs: [{ text: 'a\u001b[2Jb\u202ec' }] },
  {
    name: 'ask',
    prompt: { regex: '^ask me$' },
    legs: [
      {
        tools: [
          {
            tool: 'question',
            question: 'Which database?',
            options: [{ label: 'SQLite', description: 'one file' }, { label: 'PostgreSQL' }],
          },
        ],
      },
      { text: 'You said: {{last_tool_output}}' },
    ],
  },
  { name: 'hang', prompt: { regex: '^hang$' }, legs: [{ text: 'hm', fault: { kind: 'hang' } }] },
  { name: 'fail', prompt: { regex: '^fail$' }, legs: [{ fault: { kind: 'status', status: 400, body: { error: { message: 'no' } } } }] },
]

function play(folder: TestFolder): readonly string[] {
  const file = join(folder.path, 'scenarios.json')
  writeFileSync(file, JSON.stringify({ scenarios }))
  return ['--offline', '--offline-scenario', file]
}

const nobody = { XDG_CONFIG_HOME: '/nonexistent', NO_COLOR: undefined, FORCE_COLOR: undefined }

/** `codesdkd …` in the workspace, with pipes. */
const codesdkd = (folder: TestFolder, args: readonly string[]): Promise<Ended> =>
  run('sh', ['-c', 'cd "$0" && exec "$@" </dev/null', folder.workspace, process.execPath, executable, ...args], {
    env: nobody,
    limitMs: 90_000,
  })

/** The same at a terminal, where somebody types. */
const atTerminal = (
  folder: TestFolder,
  answers: readonly (readonly [string, string])[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> =>
  run(
    'sh',
    [
      '-c',
      'cd "$0" && exec "$@"',
      folder.workspace,
      'python3',
      join(import.meta.dirname, 'testing/terminal.py'),
      JSON.stringify(answers),
      process.execPath,
      executable,
      ...args,
    ],
    // Node takes a terminal of CI for one without colour.
    { env: { ...nobody, TERM: 'xterm', NODE_DISABLE_COLORS: undefined, CI: undefined, ...env }, limitMs: 110_000 },
  )

const escape = '\u001b'

describe.concurrent('codesdkd run', () => {
  test(
    'does the work in this folder with a daemon of its own, and ends with the receipt, without colour in a pipe',
    { timeout: 100_000 },
    async () => {
      await using folder = await createFolder()
      const data = ['--data-dir', folder.dataDir]
      const ended = await codesdkd(folder, ['run', 'mend', 'it', ...data, '--mode', 'auto', '--', ...play(folder)])
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).not.toContain(escape)
      expect(ended.stdout).toMatch(
        /^I will correct it\.\n▸ edit {2}.*greet\.js\n[^]*It is mended\.\n\ncompleted\n {2}files {5}1 changed: greet\.js\n/,
      )
      expect(await folder.read('greet.js')).toContain('Hello')

      const listed = JSON.parse((await codesdkd(folder, ['sessions', '--json', ...data])).stdout) as { session_id: string }[]
      expect(listed).toHaveLength(1)
      const session = listed[0]?.session_id ?? ''
      expect((await codesdkd(folder, ['show', session, ...data])).stdout).toMatch(/» mend it\n[^]*It is mended\.\ncompleted\n/)
      const bundled = await codesdkd(folder, ['bundle', session, 'bundle.tar.gz', ...data])
      expect(bundled).toMatchObject({ code: 0, stdout: 'bundle.tar.gz\n' })
      expect(statSync(join(folder.workspace, 'bundle.tar.gz')).mode & 0o777).toBe(0o600)
      expect(await codesdkd(folder, ['bundle', session, 'bundle.tar.gz', ...data])).toMatchObject({ code: 2, stdout: '' })
    },
  )

  test('asks at a terminal: shows the diff, takes n with a reason, and y', { timeout: 120_000 }, async () => {
    await using folder = await createFolder()
    const args = ['run', 'mend it', '--data-dir', folder.dataDir, '--mode', 'ask', '--', ...play(folder)]
    const no = [
      ['run it? [y/n] ', 'maybe\r'],
      ['run it? [y/n] ', 'n\r'],
      ['why not?', 'not now\r'],
    ] as const
    const denied = await atTerminal(folder, no, args)
    expect(denied.stdout).toContain('-export const greet = (name) => `Helo, ${name}!`;')
    expect(denied.stdout).toContain('+export const greet = (name) => `Hello, ${name}!`;')
    expect(denied.stdout).toContain('denied by user: not now')
    expect(denied.stdout).toContain(escape)
    expect(denied.code).toBe(0)
    expect(await folder.read('greet.js')).toContain('Helo,')

    const approved = await atTerminal(folder, [['run it? [y/n] ', 'y\r']], args, { NO_COLOR: '1' })
    expect(approved).toMatchObject({ code: 0 })
    expect(denied.stdout).toContain(`${escape}[32m`)
    expect(approved.stdout).not.toContain(`${escape}[32m`)
    expect(await folder.read('greet.js')).toContain('Hello,')
  })

  test('puts the questions of the agent as a form: takes a number, and no with a reason', { timeout: 120_000 }, async () => {
    await using folder = await createFolder()
    const args = ['run', 'ask me', '--data-dir', folder.dataDir, '--mode', 'ask', '--', ...play(folder)]
    const yes = [
      ['answer it? [y/n] ', 'y\r'],
      ['> ', '2\r'],
    ] as const
    const answered = await atTerminal(folder, yes, args, { NO_COLOR: '1' })
    expect(answered).toMatchObject({ code: 0 })
    expect(answered.stdout).toMatch(/question {2}Which database\?/)
    expect(answered.stdout).toMatch(/1 {2}SQLite {2}one file\r?\n[^]*2 {2}PostgreSQL/)
    expect(answered.stdout).toMatch(/You said: [^]*PostgreSQL/)
    const no = [
      ['answer it? [y/n] ', 'n\r'],
      ['why not?', 'ask my colleague\r'],
    ] as const
    expect((await atTerminal(folder, no, args)).stdout).toContain('You said: ')
  })

  test('stops the task with Ctrl-C, also while it asks', { timeout: 120_000 }, async () => {
    await using folder = await createFolder()
    const args = (prompt: string) => ['run', prompt, '--data-dir', folder.dataDir, '--mode', 'ask', '--', ...play(folder)]
    const stopped = await atTerminal(folder, [['the agent thinks', '\u0003']], args('hang'))
    expect(stopped.stdout).toMatch(/stopped/)
    expect(stopped.code).toBe(3)
    expect(await atTerminal(folder, [['run it? [y/n] ', '\u0003']], args('mend it'))).toMatchObject({ code: 3 })
    expect(await folder.read('greet.js')).toContain('Helo,')
  })

  test('tells scripts events and the result as JSON lines, and by its exit code how it ended', { timeout: 100_000 }, async () => {
    await using folder = await createFolder()
    const args = ['--data-dir', folder.dataDir, '--mode', 'auto', '--json', '--', ...play(folder)]
    const failed = await codesdkd(folder, ['run', 'fail', ...args])
    expect(failed.code).toBe(1)
    const lines = failed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type?: string; seq?: number; result?: object })
    expect(lines.slice(0, -1).at(-1)).toMatchObject({ type: 'task.failed' })
    expect(lines.at(-1)).toMatchObject({ result: { status: 'failed' } })
  })

  test('keeps its daemon for as long as other commands need it', { timeout: 120_000 }, async () => {
    await using folder = await createFolder()
    const args = ['--data-dir', folder.dataDir, '--mode', 'ask', '--title']
    const owner = codesdkd(folder, ['run', 'mend it', ...args, 'owner', '--', ...play(folder)])
    const find = () => findDaemon(folder.dataDir)
    const daemon = await vi.waitUntil(find, { timeout: 30_000 })
    const guest = codesdkd(folder, ['run', 'mend it', ...args, 'guest'])
    const waiting = async () => {
      const { approvals } = await daemon.client.listApprovals()
      return approvals.length === 2 && approvals
    }
    const calls = await vi.waitUntil(waiting, { timeout: 60_000 })
    const { sessions } = await daemon.client.listSessions()
    const decide = async (title: string) => {
      const { session_id } = sessions.find((one) => one.title === title) ?? { session_id: '' }
      const { tool_call_id, attempt, input_hash } = calls.find((one) => one.session_id === session_id) ?? {
        tool_call_id: '',
        attempt: 1,
        input_hash: '',
      }
      await daemon.client.denyToolCall(session_id, tool_call_id, { attempt, input_hash })
      return session_id
    }
    const first = await decide('owner')
    const idle = async () => (await daemon.client.getSession(first)).phase === 'idle'
    await vi.waitUntil(idle, { timeout: 30_000 })
    await decide('guest')
    expect(await guest).toMatchObject({ code: 0 })
    expect(await owner).toMatchObject({ code: 0, stderr: expect.stringContaining('waiting for tasks that other commands') as string })
    expect(await find()).toBeNull()
  })

  test('shows nothing that would change what else the terminal shows', { timeout: 100_000 }, async () => {
    await using folder = await createFolder()
    const { stdout } = await codesdkd(folder, ['run', 'trick', '--data-dir', folder.dataDir, '--mode', 'auto', '--', ...play(folder)])
    expect(stdout).toContain(String.raw`a\u{1b}[2Jb\u{202e}c`)
    expect(stdout).not.toContain(escape)
  })
})

describe.concurrent('commands beside a daemon that runs', () => {
  test('find it by its data directory: inbox, approve, deny, tasks, stop, doctor, openapi', { timeout: 120_000 }, async () => {
    await using folder = await createFolder()
    const data = ['--data-dir', folder.dataDir]
    await using daemon = await spawnDaemon([...data, '--log-level', 'silent', ...play(folder)])
    const ask = async (...args: readonly string[]) => codesdkd(folder, [...args, ...data])
    expect(await ask('inbox')).toEqual({ code: 0, stdout: 'Nothing waits for you.\n', stderr: '' })
    expect(await ask('sessions')).toMatchObject({ stdout: 'There is no session.\n' })

    const running = ask('run', 'mend it', '--mode', 'ask', '--title', 'mine')
    const waiting = async () => {
      for (;;) {
        for await (const event of daemon.client.frames('/events?types=tool.call.policy_evaluated')) {
          const { payload } = JSON.parse(event.data) as { payload?: { result: string; tool_call_id: string } }
          if (payload?.result === 'ask') return payload.tool_call_id
        }
      }
    }
    const call = await waiting()
    const shown = await ask('inbox')
    expect(shown.stdout).toContain(call)
    expect(shown.stdout).toContain('+export const greet')
    expect(await ask('approve', call, '--hash', 'sha256:other')).toMatchObject({ code: 2, stdout: '' })
    expect(await ask('approve', 'nothing')).toMatchObject({ code: 2, stderr: 'codesdkd: no call "nothing" waits for a person\n' })
    expect(await ask('approve', call)).toMatchObject({ code: 0 })
    const ended = await running
    expect(ended).toMatchObject({ code: 0, stderr: `waits for: codesdkd approve ${call}\n` })
    expect(await folder.read('greet.js')).toContain('Hello')

    const session = (JSON.parse((await ask('sessions', '--json')).stdout) as { session_id: string; title: string }[])[0]
    expect(session).toMatchObject({ title: 'mine' })
    expect((await ask('sessions')).stdout).toMatch(/^SESSION .*\n\S+ +codex-sdk +idle .* mine\n$/)
    expect((await ask('tasks', session?.session_id ?? '')).stdout).toMatch(/^TASK .*\n\S+ +completed /)
    expect(await ask('stop', session?.session_id ?? '')).toMatchObject({ code: 0, stdout: 'No task is open.\n' })
    expect(await ask('show', 'ses_missing')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/session_not_found/) as string,
    })
    await using following = host(['follow', session?.session_id ?? '', ...data], { env: nobody, stdin: 'ignore' })
    await vi.waitUntil(() => following.output.stdout.includes('completed\n'), { timeout: 20_000 })
    await daemon.client.startTask(session?.session_id ?? '', 'trick')
    await vi.waitUntil(() => following.output.stdout.includes('» trick'), { timeout: 20_000 })
    following.child.kill('SIGINT')
    expect(await following.ended).toBe(0)
    expect((await ask('doctor')).stdout).toContain('codex-sdk')
    expect(JSON.parse((await ask('openapi')).stdout)).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) as string })
    expect((await daemon.client.get('/readyz')).status).toBe(200)
  })
})

describe.concurrent('the command line', () => {
  const named = [
    'run',
    'sessions',
    'show',
    'follow',
    'tasks',
    'inbox',
    'approve',
    'deny',
    'stop',
    'bundle',
    'doctor',
    'openapi',
    'serve',
    'agents',
    'keys',
    'completion',
  ]

  test('has help for a person: every command, and each with its flags', async () => {
    const { stdout, code } = await run(process.execPath, [executable, '--help'])
    expect(code).toBe(0)
    for (const name of named) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(await run(process.execPath, [executable, 'run', '--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^usage: codesdkd run <prompt> [^]*--mode <mode>[^]*--json/) as string,
    })
    expect((await run(process.execPath, [executable, 'serve', '--help'])).stdout).toContain('--max-live-agents')
  })

  test.each([
    [['run'], '<prompt> is missing; try: codesdkd run --help'],
    [['run', 'it', '--mode', 'wild', '--url', 'http://127.0.0.1:1'], '--mode must be ask, auto or yolo'],
    [['show', 'one', 'two'], 'unexpected argument "two"; try: codesdkd show --help'],
    [['tasks', 'one', '--nothing'], "Unknown option '--nothing'; try: codesdkd tasks --help"],
    [['completion', 'csh'], 'the shell must be one of bash, zsh, fish'],
    [['dance'], 'unknown command "dance"; try: codesdkd --help'],
  ])('refuses %j in one line', async (args, message) => {
    expect(await run(process.execPath, [executable, ...args], { env: nobody })).toEqual({
      code: 2,
      stdout: '',
      stderr: `codesdkd: ${message}\n`,
    })
  })

  test('says with exit code 69 that no daemon answers', async () => {
    const ended = await run(process.execPath, [executable, 'sessions', '--url', 'http://127.0.0.1:9'], { env: nobody })
    expect(ended).toEqual({ code: 69, stdout: '', stderr: 'codesdkd: The connection to the daemon failed.\n' })
  })

  test('completes commands and flags in bash', async () => {
    const { stdout } = await run(process.execPath, [executable, 'completion', 'bash'])
    const complete = (words: readonly string[]) =>
      run('bash', [
        '-c',
        `${stdout}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _codesdkd; echo "\${COMPREPLY[@]}"`,
        'bash',
        'codesdkd',
        ...words,
      ])
    expect(await complete(['se'])).toMatchObject({ stdout: 'sessions serve\n', stderr: '' })
    expect(await complete(['run', '--mo'])).toMatchObject({ stdout: '--mode --model\n' })
    expect(readFileSync(executable, 'utf8')).toContain('main')
  })

  test('completes commands and flags in fish, and says what each command does', async () => {
    const { stdout } = await run(process.execPath, [executable, 'completion', 'fish'])
    const complete = (line: string) => run('fish', ['--no-config', '-c', `${stdout}\ncomplete -C ${JSON.stringify(line)}`])
    expect(await complete('codesdkd ses')).toMatchObject({ stdout: 'sessions\tlist the sessions of the data directory\n', stderr: '' })
    expect((await complete('codesdkd run --mo')).stdout).toMatch(/^--mode\n--model\n$/)
  })

  test('completes commands and flags in zsh, at a terminal', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    const file = join(folder.path, 'completion')
    writeFileSync(file, (await run(process.execPath, [executable, 'completion', 'zsh'])).stdout)
    const answers = [
      // The line editor is ready, whatever its prompt.
      ['\u001b[?2004h', `autoload -U compinit && compinit -u -D && source ${file} && PS1='re''ady> '\r`],
      ['ready> ', 'codesdkd ses\t'],
      ['sessions', '\u0015codesdkd run --off\t'],
      ['--offline', '\u0015exit\r'],
    ]
    const terminal = ['python3', join(import.meta.dirname, 'testing/terminal.py'), JSON.stringify(answers), 'zsh', '-f', '-i']
    const ended = await run('env', terminal, { env: { ...nobody, TERM: 'dumb' }, limitMs: 50_000 })
    expect(ended.stdout).toContain('sessions')
    expect(ended.stdout).toContain('--offline')
  })
})
