/**
 * The whole road once, on real parts: the daemon as a subprocess, the real Codex, a git workspace, an approval, a
 * changed file. Only the model is played. Leaves nothing behind; exit 0 when the program was mended.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createInterface as createPrompt } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import type { Event, EventOf, Receipt, Session, Task, TaskStarted } from '@codesdkd/protocol'
import { EventSourceParserStream } from 'eventsource-parser/stream'

const { values: flags } = parseArgs({
  options: { runtime: { type: 'string', default: 'codex' }, yes: { type: 'boolean', default: false } },
})
const terminal = process.stdin.isTTY && process.stdout.isTTY && !flags.yes
const paint = (code: number, text: string) => (process.stdout.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text)
const say = (text: string) => process.stdout.write(`${text}\n`)
const title = (text: string) => say(`\n${paint(1, text)}`)

const files = {
  'greet.js': 'export const greet = (name) => `Helo, ${name}!`;\n',
  'check.js':
    "import { greet } from './greet.js';\n\nconst said = greet('Ada');\nif (said !== 'Hello, Ada!') {\n  console.error(`wrong greeting: ${said}`);\n  process.exit(1);\n}\nconsole.log(said);\n",
  'package.json': '{ "type": "module" }\n',
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'codesdkd-demo-'))
  const workspace = join(folder, 'workspace')
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }

  title('1. A git workspace with a small failing program')
  execFileSync('git', ['init', '--quiet', workspace])
  for (const [name, text] of Object.entries(files)) await writeFile(join(workspace, name), text)
  git(workspace, 'add', '.')
  git(workspace, '-c', 'user.name=demo', '-c', 'user.email=demo@localhost', 'commit', '--quiet', '--message', 'A program that fails')
  say(`$ node check.js\n${check(workspace).output}`)

  title('2. The daemon, with the offline model in place of a login')
  await using daemon = await startDaemon(join(folder, 'state'))
  say(`ready at ${daemon.url}`)

  title(`3. A session on the real ${flags.runtime}, in permission mode "ask"`)
  const session = await post<Session>(`${daemon.url}/sessions`, {
    runtime: flags.runtime,
    cwd: workspace,
    permissionMode: 'ask',
    title: 'demo',
  })
  say(`session ${session.session_id} on ${session.runtime}`)
  const messages = [{ role: 'user', content: 'Fix the failing test: make `node check.js` pass.' }]
  const task = await post<TaskStarted>(`${daemon.url}/sessions/${session.session_id}/tasks`, { messages })

  title('4. Its events, as they come')
  const end = await follow(daemon.url, task)
  if (end.type !== 'task.completed') throw new Error(`the task ended as ${end.type}: ${JSON.stringify(end.payload)}`)

  title('5. What it did')
  say(git(workspace, 'diff').trim())
  const after = check(workspace)
  say(`$ node check.js\n${after.output}`)
  if (!after.ok) throw new Error('the program still fails')

  title('6. The receipt of the task')
  const { receipt } = await get<Task>(`${daemon.url}/sessions/${session.session_id}/tasks/${task.task_id}`)
  if (receipt === undefined) throw new Error('the task has no receipt')
  showReceipt(receipt)

  title('7. Look further')
  say(`While a daemon runs (npx codesdkd --offline prints its url):
  curl $URL/sessions?scope=all                   the sessions of its data directory
  curl $URL/sessions/<id>/events                 the whole log of one; ?stream=1 follows it
  curl $URL/sessions/<id>/support-bundle -O -J   everything about it, without secrets
  curl $URL/openapi.json                         all there is; $URL/docs shows it`)
  title('Shutting down')
}

/** Prints every event; puts each call that waits to the person at the terminal. Resolves with the terminal event. */
async function follow(
  url: string,
  { session_id, task_id }: TaskStarted,
): Promise<EventOf<'task.completed' | 'task.failed' | 'task.stopped'>> {
  const requested = new Map<string, EventOf<'tool.call.requested'>>()
  for await (const event of stream(`${url}/sessions/${session_id}/events?stream=1`)) {
    show(event)
    if (event.type === 'tool.call.requested') requested.set(event.payload.tool_call_id, event)
    const asked =
      event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask' ? requested.get(event.payload.tool_call_id) : undefined
    if (asked !== undefined) {
      const { tool_call_id, attempt, input_hash } = asked.payload
      const denial = await decide(asked)
      const decision = denial === null ? { attempt, input_hash } : { attempt, input_hash, reason: denial }
      await post(`${url}/sessions/${session_id}/tool-calls/${tool_call_id}/${denial === null ? 'approve' : 'deny'}`, decision)
    }
    if (
      (event.type === 'task.completed' || event.type === 'task.failed' || event.type === 'task.stopped') &&
      event.trace.task_id === task_id
    )
      return event
  }
  throw new Error('the stream of events ended before the task did')
}

/** Null = approved; else the reason of the denial. */
async function decide({ payload }: EventOf<'tool.call.requested'>): Promise<string | null> {
  if (payload.diff !== undefined) say(paint(2, indent(payload.diff.trim())))
  if (!terminal) {
    say(paint(33, `   ? ${payload.title} -> approved by the demo itself, there is nobody at a terminal to ask`))
    return null
  }
  const prompt = createPrompt({ input: process.stdin, output: process.stdout })
  const answer = (await prompt.question(paint(33, `   ? ${payload.title}\n     run it? [Y/n or a reason against it] `))).trim()
  prompt.close()
  if (answer === '' || /^y(es)?$/i.test(answer)) return null
  return /^no?$/i.test(answer) ? 'not now' : answer
}

function show(event: Event): void {
  say(`${paint(2, String(event.seq).padStart(4))}  ${event.type.padEnd(27)} ${describe(event)}`)
}

function describe(event: Event): string {
  switch (event.type) {
    case 'model.output.delta':
      return JSON.stringify(event.payload.delta)
    case 'model.output.completed':
      return event.payload.content.map((block) => ('text' in block ? block.text : block.type)).join(' ')
    case 'plan.updated':
      return event.payload.entries.map(({ text, status }) => `[${status === 'completed' ? 'x' : ' '}] ${text}`).join('  ')
    case 'tool.call.requested':
      return `${event.payload.kind}: ${event.payload.title}`
    case 'tool.call.policy_evaluated':
      return `${event.payload.source} says ${event.payload.result} (${event.payload.rule})`
    case 'tool.call.approved':
    case 'tool.call.denied':
      return `by ${event.payload.decided_by}`
    case 'tool.output.delta':
      return JSON.stringify(event.payload.delta)
    case 'tool.call.completed':
      return `exit ${event.payload.exit_code ?? '-'}: ${event.payload.result_preview.trim().replaceAll('\n', ' | ').slice(0, 120)}`
    case 'file.changed':
      return `${event.payload.change} ${event.payload.path}`
    case 'usage.reported':
      return `${event.payload.input_tokens ?? '?'} tokens in, ${event.payload.output_tokens ?? '?'} out`
    case 'task.completed':
    case 'task.failed':
    case 'task.stopped':
      return event.payload.reason
    default:
      return ''
  }
}

function showReceipt({ files_changed, commands, approvals, usage, time_ms }: Receipt): void {
  for (const { path, change } of files_changed) say(`  ${change.padEnd(8)} ${path}`)
  for (const { title: command, exit_code } of commands) say(`  exit ${String(exit_code ?? '-').padEnd(3)} ${command}`)
  say(`  approved ${approvals.approved} (${approvals.by_user} by a person), denied ${approvals.denied}`)
  say(`  tokens   ${usage?.input_tokens ?? '?'} in, ${usage?.output_tokens ?? '?'} out`)
  say(`  time     ${time_ms.total} ms: model ${time_ms.model}, tools ${time_ms.tool}, waiting for a person ${time_ms.waiting_for_human}`)
}

async function startDaemon(dataDir: string): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../packages/daemon/bin/codesdkd.js'), '--offline', '--data-dir', dataDir, '--log-level', 'error'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const ended = once(child, 'exit')
  const url = await Promise.race([
    readyUrl(child),
    ended.then(([code]) => Promise.reject(new Error(`the daemon ended with ${String(code)}`))),
  ])
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      const [code] = await ended
      say(`the daemon ended with exit code ${String(code)}`)
    },
  }
}

async function readyUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the daemon has no stdout')
  for await (const line of createInterface({ input: child.stdout })) return (JSON.parse(line) as { url: string }).url
  throw new Error('the daemon said nothing')
}

async function* stream(url: string): AsyncGenerator<Event> {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`)
  for await (const frame of response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())) {
    if (frame.event === undefined) yield JSON.parse(frame.data) as Event
  }
}

async function post<T>(url: string, body: unknown): Promise<T> {
  return toJson(await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }))
}

async function get<T>(url: string): Promise<T> {
  return toJson(await fetch(url))
}

async function toJson<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

function git(workspace: string, ...args: string[]): string {
  return execFileSync('git', ['-C', workspace, ...args], { encoding: 'utf8' })
}

function check(workspace: string): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['check.js'], { cwd: workspace, encoding: 'utf8' })
  return { ok: status === 0, output: `${(stdout + stderr).trim()} (exit ${String(status)})` }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n')
}

try {
  await demo()
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
