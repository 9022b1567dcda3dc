import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestClient } from '../harness/client.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { codesdkd, executable, host, run } from './testing/host.ts'

const scenarios = [
  {
    name: 'touch',
    prompt: { regex: '^touch$' },
    legs: [{ text: 'I touch.', tools: [{ tool: 'shell', command: 'touch made.txt' }] }, { text: 'done' }],
  },
]

let folder: TestFolder
let bundle = ''
let env: Record<string, string> = {}
beforeAll(async () => {
  folder = await createFolder()
  const temporary = join(folder.path, 'tmp')
  mkdirSync(temporary)
  env = { XDG_CONFIG_HOME: '/nonexistent', TMPDIR: temporary }
  const file = join(folder.path, 'scenarios.json')
  writeFileSync(file, JSON.stringify({ scenarios }))
  const data = ['--data-dir', folder.dataDir]
  const play = ['--', '--offline', '--offline-scenario', file]
  const enter = ['-c', 'cd "$0" && exec "$@" </dev/null', folder.workspace, process.execPath, executable]
  await run('sh', [...enter, 'run', 'touch', '--mode', 'auto', ...data, ...play], { env, limitMs: 90_000 })
  const [session] = JSON.parse((await codesdkd(['sessions', '--json', ...data], env)).stdout) as { session_id: string }[]
  bundle = join(folder.path, 'bundle.tar.gz')
  await codesdkd(['bundle', session?.session_id ?? '', bundle, ...data], env)
}, 120_000)
afterAll(() => folder[Symbol.asyncDispose]())

const left = () => readdirSync(env['TMPDIR'] ?? '').filter((name) => name.startsWith('codesdkd-replay-'))

interface Ready {
  readonly url: string
  readonly session_id: string
  readonly inspector: string
}

describe('codesdkd replay', () => {
  test('tells where the session is to be seen, and leaves nothing behind', { timeout: 60_000 }, async () => {
    await using shown = host(['replay', bundle, '--speed', 'max'], { env })
    const ready = JSON.parse(await shown.ready) as Ready
    expect(ready).toEqual({ ...ready, inspector: `${ready.url}/inspector#/sessions/${ready.session_id}` })
    const client = new TestClient(ready.url)
    expect((await client.get(`/sessions/${ready.session_id}/replay`)).body).toMatchObject({ state: 'ended', speed: null })
    expect((await client.events(ready.session_id)).at(-1)).toMatchObject({ type: 'task.completed' })
    expect(left()).toHaveLength(1)
    shown.child.kill('SIGINT')
    expect(await shown.ended).toBe(0)
    expect(shown.output.stderr).toBe('')
    expect(left()).toEqual([])
  })

  test('keeps the time between the events, as many times as fast', { timeout: 60_000 }, async () => {
    await using shown = host(['replay', bundle, '--speed', '0.000001'], { env })
    const { url, session_id } = JSON.parse(await shown.ready) as Ready
    const { body } = await new TestClient(url).get(`/sessions/${session_id}/replay`)
    expect(body).toMatchObject({ state: 'playing', speed: 0.000001 })
    expect(body.seq).toBeLessThan(body.last_seq)
    shown.child.kill('SIGTERM')
    expect(await shown.ended).toBe(0)
    expect(left()).toEqual([])
  })

  test('goes from event to event at a terminal', { timeout: 60_000 }, async () => {
    const terminal = join(import.meta.dirname, 'testing/terminal.py')
    const answers = [
      ['Ctrl-C ends it.', '\r'],
      ['2 of ', '\r'],
      ['3 of ', '\u0003'],
    ]
    const ended = await run('python3', [terminal, JSON.stringify(answers), process.execPath, executable, 'replay', bundle, '--step'], {
      env,
    })
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/^1 of \d+ events: http:\S+\/inspector#\/sessions\/sess_\w+\r?\n[^]*\n2 of \d+\r?\n[^]*3 of/)
    expect(left()).toEqual([])
  })

  test.each([
    [['replay'], 2, 'which bundle? try: codesdkd replay <bundle.tar.gz>'],
    [['replay', 'a', 'b'], 2, 'unexpected argument "b"'],
    [['replay', 'a', '--speed', 'slow'], 2, 'flag speed: must be a number such as 1, 10 or 0.5, or max'],
    [['replay', 'a', '--speed', '0'], 2, 'flag speed: must be a number such as 1, 10 or 0.5, or max'],
    [['replay', 'a', '--json'], 2, "Unknown option '--json'; try: codesdkd --help"],
    [['serve', '--step'], 2, "Unknown option '--step'; try: codesdkd --help"],
    [['replay', '/nonexistent.tar.gz'], 65, 'this is no support bundle that can be replayed: the file cannot be read (ENOENT)'],
  ])('refuses %j in one line', async (args, code, message) => {
    expect(await codesdkd(args, env)).toEqual({ code, stdout: '', stderr: `codesdkd: ${message}\n` })
    expect(left()).toEqual([])
  })

  test('refuses a bundle that was cut short, and begins nothing', async () => {
    const cut = join(folder.path, 'cut.tar.gz')
    writeFileSync(cut, readFileSync(bundle).subarray(0, -100))
    const { code, stderr } = await codesdkd(['replay', cut], env)
    expect([code, stderr]).toEqual([65, 'codesdkd: this is no support bundle that can be replayed: the file is cut short\n'])
    expect(left()).toEqual([])
  })
})
