/**
 * The whole road once, on real parts: the daemon as a subprocess, the real Codex, a git workspace, an approval, a
 * changed file. Only the model is played. Leaves nothing behind; exit 0 when the program was mended.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface as createPrompt } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { startDaemon, type Decision } from '@codesdkd/client/node'
import type { Approval, Event, Receipt } from '@codesdkd/protocol'

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
  await using daemon = await startDaemon({ dataDir: join(folder, 'state'), args: ['--offline', '--log-level', 'error'] })
  say(`ready at ${daemon.url}`)

  title(`3. A session on the real ${flags.runtime}, in permission mode "ask"`)
  const { client } = daemon
  const session = await client.createSession({ runtime: flags.runtime, cwd: workspace, permission_mode: 'ask', title: 'demo' })
  say(`session ${session.session_id} on ${session.runtime}`)

  title('4. Its events, as they come')
  const end = await client.runTask({
    sessionId: session.session_id,
    messages: 'Fix the failing test: make `node check.js` pass.',
    onEvent: show,
    onApproval: decide,
  })
  if (end.status !== 'completed') throw new Error(`the task ended as ${end.status}: ${end.error?.message ?? end.reason}`)

  title('5. What it did')
  say(git(workspace, 'diff').trim())
  const after = check(workspace)
  say(`$ node check.js\n${after.output}`)
  if (!after.ok) throw new Error('the program still fails')

  title('6. The receipt of the task')
  showReceipt(end.receipt)

  title('7. Look further')
  say(`While a daemon runs (npx codesdkd --offline prints its url):
  curl $URL/sessions?scope=all                   the sessions of its data directory
  curl $URL/sessions/<id>/events                 the whole log of one; ?stream=1 follows it
  curl $URL/sessions/<id>/support-bundle -O -J   everything about it, without secrets
  curl $URL/openapi.json                         all there is; $URL/docs shows it`)
  title('Shutting down')
  const { code } = await daemon.stop()
  say(`the daemon ended with exit code ${String(code)}`)
}

/** Puts a call that waits to the person at the terminal. */
async function decide({ diff, title: call }: Approval): Promise<Decision> {
  if (diff !== undefined) say(paint(2, indent(diff.trim())))
  if (!terminal) {
    say(paint(33, `   ? ${call} -> approved by the demo itself, there is nobody at a terminal to ask`))
    return { decision: 'approve' }
  }
  const prompt = createPrompt({ input: process.stdin, output: process.stdout })
  const answer = (await prompt.question(paint(33, `   ? ${call}\n     run it? [Y/n or a reason against it] `))).trim()
  prompt.close()
  if (answer === '' || /^y(es)?$/i.test(answer)) return { decision: 'approve' }
  return { decision: 'deny', reason: /^no?$/i.test(answer) ? 'not now' : answer }
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
