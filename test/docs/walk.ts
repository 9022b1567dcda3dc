import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { spawn, type ChildProcess } from 'node:child_process'
import { createClient, type Client } from '@codesdkd/client'
import { isTerminal } from '@codesdkd/protocol'
import { openProxy } from '../conformance/proxy.ts'
import { executable } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { run } from '../lifecycle/testing/host.ts'
import { root, type Block } from './page.ts'
import { settings } from './settings.ts'

type Env = Record<string, string | undefined>

const scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts
const serves = /^node examples\/control-hub|^(?:npx )?codesdkd(?: serve)?(?: +--(?!version)| *(?:#|$))/
/** The doctor of a machine where nobody is logged in finds something. */
const exitCodes: readonly (readonly [RegExp, number])[] = [[/codesdkd agents doctor/, 1]]

/** A reader at a terminal who goes through one page: a home and a daemon of their own, variables that stay. */
export class Walk implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #folder: TestFolder
  readonly #env: Env
  #daemon: ChildProcess | null = null
  #shown = ''

  private constructor(stack: AsyncDisposableStack, folder: TestFolder, env: Env) {
    this.#stack = stack
    this.#folder = folder
    this.#env = env
    stack.defer(() => this.#end())
  }

  static async open(): Promise<Walk> {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await createFolder())
    const bin = join(folder.path, 'bin')
    await mkdir(bin)
    await writeProgram(join(bin, 'codesdkd'), `exec '${process.execPath}' '${executable}' "$@"`)
    await writeProgram(join(bin, 'npx'), 'exec "$@"')
    await writeProgram(join(bin, 'curl'), 'PATH="${PATH#*:}" exec curl --silent --show-error --fail-with-body "$@"')
    const home = { HOME: folder.path, XDG_STATE_HOME: undefined, XDG_CONFIG_HOME: undefined, XDG_CACHE_HOME: undefined }
    // Whoever runs the tests may have keys; the reader of a page has none.
    const keys = Object.keys(process.env).filter((name) => /_(API_KEY|TOKEN)$/.test(name))
    const none = Object.fromEntries(keys.map((name) => [name, undefined]))
    return new Walk(stack.move(), folder, { ...process.env, ...none, ...home, PATH: `${bin}:${process.env['PATH'] ?? ''}` })
  }

  /** Does what a block says, line by line; a block of TypeScript as a whole. Rejects with what failed. */
  async take({ language, text, place, setting }: Block): Promise<void> {
    if (setting !== null) await this.#set(setting)
    if (language === 'ts') return this.#program(text, place)
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) if (/^[^#\s]/.test(line)) await this.#line(line, place)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  async #line(line: string, place: string): Promise<void> {
    if (serves.test(line)) return this.#serve(line)
    if (/^(npm|npx vitest) /.test(line)) return checkCommand(line)
    const name = /^([A-Z_]+)=(?!\$)/.exec(line)?.[1]
    if (name !== undefined) return void (this.#env[name] = await this.#valueOf(name))
    if (line.includes('$URL')) await this.#begin()
    const hash = line.includes('sha256:…') ? await this.#hash() : ''
    const command = line.replaceAll('sha256:…', hash).replaceAll('/tmp/try', `${this.#folder.path}/try`)
    const ended = await run('bash', ['-c', `cd "$HOME"; ${command}`], { env: this.#env, limitMs: 90_000 })
    const expected = exitCodes.find(([pattern]) => pattern.test(line))?.[1] ?? 0
    this.#shown = ended.stdout
    if (ended.code !== expected) throw new Error(`${place}: ${line}\nended with ${String(ended.code)}: ${ended.stdout}${ended.stderr}`)
  }

  /** A page that starts no daemon is read where one runs already, with a session that has a past. */
  async #begin(): Promise<void> {
    if (this.#env['URL'] !== undefined) return
    await this.#serve('codesdkd --offline')
    const client = this.#client()
    const { session_id } = await client.createSession({ runtime: 'codex', cwd: this.#folder.workspace, permission_mode: 'ask' })
    const { task_id } = await client.runTask({ sessionId: session_id, messages: 'Hello' })
    Object.assign(this.#env, { SESSION: session_id, TASK: task_id })
  }

  /** Somebody has done what the page does not tell again. */
  async #set(name: string): Promise<void> {
    const setting = settings[name]
    if (setting === undefined) throw new Error(`there is no setting “${name}”`)
    const { waits, runtime, args, legs } = setting
    const file = join(this.#folder.path, 'scenarios.json')
    await writeFile(file, JSON.stringify({ scenarios: [{ name: 'begin', prompt: 'begin', legs }] }))
    // Where names of other hosts are not known, another asks for them.
    Object.assign(this.#env, this.#stack.use(await openProxy()).env)
    await this.#serve(['codesdkd --offline --offline-scenario', file, ...args].join(' '))
    const client = this.#client()
    const { session_id } = await client.createSession({ runtime, cwd: this.#folder.workspace, permission_mode: 'ask' })
    this.#env['SESSION'] = session_id
    if (!waits) return
    await client.startTask(session_id, { messages: [{ role: 'user', content: 'begin' }] })
    for await (const event of client.follow(session_id)) {
      if (event.type === 'question.asked') return void (this.#env['QUESTION'] = event.payload.question_id)
      if (isTerminal(event.type)) throw new Error(`“${name}”: the task has ended, and waited for nobody`)
      if (event.type !== 'tool.call.policy_evaluated' || event.payload.result !== 'ask') continue
      const { approvals } = await client.listApprovals()
      const waiting = approvals.find(({ tool_call_id: id }) => id === event.payload.tool_call_id)
      if (waiting?.kind === 'fetch') return void (this.#env['CALL'] = waiting.tool_call_id)
      if (waiting !== undefined) await client.approveToolCall(session_id, waiting.tool_call_id, waiting)
    }
  }

  async #program(text: string, place: string): Promise<void> {
    await this.#begin()
    const entries = [
      ['@codesdkd/client/node', 'client/src/node/index.ts'],
      ['@codesdkd/client', 'client/src/index.ts'],
      ['@codesdkd/protocol', 'protocol/src/index.ts'],
    ] as const
    const given = { url: this.#env['URL'], id: this.#env['SESSION'], task: this.#env['TASK'], folder: this.#folder.workspace }
    const entry = (path: string) => pathToFileURL(join(root, 'packages', path)).href
    const source = [
      `import { evolveTranscript, toHistory } from '@codesdkd/protocol'`,
      ...Object.entries(given).map(([name, value]) => `const ${name} = ${JSON.stringify(value)}`),
      // What is shown is shown once: a page that follows a stream would never end.
      `const show = (value) => { console.log(JSON.stringify(value)); process.exit(0) }`,
      // Something has to happen while the page looks on.
      'const body = JSON.stringify({ messages: [{ role: "user", content: "Hello" }] })',
      'const begin = () => void fetch(`${url}/sessions/${id}/tasks`, { method: "POST", body })',
      'class EventSource extends globalThis.EventSource { constructor(address) { super(address); this.onopen = begin } }',
      ...(text.includes('let transcript') ? [] : ['const transcript = await (await fetch(`${url}/sessions/${id}/transcript`)).json()']),
      text,
    ].join('\n')
    const file = join(this.#folder.path, 'block.ts')
    await writeFile(
      file,
      entries.reduce((code, [name, path]) => code.replaceAll(`'${name}'`, `'${entry(path)}'`), source),
    )
    const ended = await run(process.execPath, ['--experimental-eventsource', '--disable-warning=ExperimentalWarning', file], {
      env: this.#env,
    })
    if (ended.code !== 0) throw new Error(`${place}: ended with ${String(ended.code)}: ${ended.stdout}${ended.stderr}`)
  }

  async #serve(line: string): Promise<void> {
    await this.#end()
    const command = `exec ${line.replace(/^npx /, '').replace(/^node examples/, `node ${root}/examples`)}`
    const child = spawn('bash', ['-c', command], { cwd: this.#folder.path, env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#daemon = child
    const ready = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${line}: ended without a ready line`)))
    ended.catch(() => undefined)
    const [text] = await Promise.race([ready, ended])
    if (!text.startsWith('{')) return
    const { url, token } = JSON.parse(text) as { readonly url: string; readonly token?: string }
    Object.assign(this.#env, { URL: url, TOKEN: token })
  }

  async #end(): Promise<void> {
    const child = this.#daemon
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }

  #client(): Client {
    const token = this.#env['TOKEN']
    return createClient({ url: String(this.#env['URL']), ...(token === undefined ? {} : { token }) })
  }

  /** What a reader copies from an answer into a variable. */
  async #valueOf(name: string): Promise<string> {
    if (name === 'URL') return String(this.#env['URL'])
    if (name === 'SESSION') return (await this.#list<{ session_id: string }>('sessions'))[0]?.session_id ?? ''
    if (name === 'TOKEN_ID') return (JSON.parse(this.#shown) as { token_id: string }).token_id
    if (name === 'CALL') return (await this.#waiting()).tool_call_id
    throw new Error(`nobody knows what a reader gives for ${name}`)
  }

  async #hash(): Promise<string> {
    return (await this.#waiting()).input_hash
  }

  /** The call that waits: each event of the session is a reason to look. */
  async #waiting(): Promise<{ readonly tool_call_id: string; readonly input_hash: string }> {
    for await (const _event of this.#client().follow(String(this.#env['SESSION']), { after: 0 })) {
      const [first] = await this.#list<{ tool_call_id: string; input_hash: string }>('approvals')
      if (first !== undefined) return first
    }
    throw new Error('the stream ended, and no call waits')
  }

  async #list<T>(what: 'sessions' | 'approvals'): Promise<readonly T[]> {
    const body = (await (await fetch(`${String(this.#env['URL'])}/${what}`)).json()) as Record<string, readonly T[]>
    return body[what] ?? []
  }
}

async function writeProgram(file: string, command: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${command}\n`)
  await chmod(file, 0o755)
}

/** What takes minutes has tests of its own; here it must exist. */
function checkCommand(line: string): void {
  for (const [, name = ''] of line.matchAll(/npm (?:run )?([\w:-]+)/g)) {
    if (name !== 'ci' && !Object.hasOwn(scripts, name)) throw new Error(`${line}: there is no script ${name}`)
  }
  const paths = line.startsWith('npx vitest run') ? line.split('#')[0]?.trim().split(' ').slice(3) : []
  for (const path of paths ?? []) if (!existsSync(join(root, path))) throw new Error(`${line}: there is no ${path}`)
}
