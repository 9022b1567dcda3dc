import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createBench, createStage } from '../harness/daemon.ts'
import { findPort } from '../harness/port.ts'
import { executable, root, run } from '../lifecycle/testing/host.ts'
import { lives, until } from '../lifecycle/testing/processes.ts'

const library = join(root, 'clients/python')
const env = { PYTHONPATH: library, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' }
const quiet = ['--log-level', 'silent']
const question = { tool: 'question' as const, question: 'Which database?', options: [{ label: 'SQLite' }, { label: 'PostgreSQL' }] }
const legs = [
  { tools: [{ tool: 'shell' as const, command: 'touch first' }] },
  { tools: [{ tool: 'shell' as const, command: 'touch second' }] },
  { tools: [question] },
  { text: 'That was all.' },
]
const scenarios = [{ name: 'work', prompt: 'work', legs }]

/** Runs a Python program to its end; what it prints as JSON is the answer. */
async function python(source: string, ...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run('python3', ['-c', source, ...args], { env, limitMs: 60_000 })
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

test('a task: approved, denied with a reason, a question answered; typed errors', { timeout: 60_000 }, async () => {
  await using bench = await createBench({ scenarios })
  const answer = await python(
    `
import json, sys
from codesdkd_client import ApiError, Client
client = Client(sys.argv[1])
session = client.create_session(json.loads(sys.argv[2]))["session_id"]
def decide(call):
    return {"decision": "approve"} if "first" in call["title"] else {"decision": "deny", "reason": "Not the second."}
seen = []
result = client.run_task(session, "work", on_event=lambda event: seen.append(event["seq"]), on_approval=decide,
    on_question=lambda question: {"outcome": "accept", "content": {"question": "SQLite"}})
codes = []
for act in (lambda: client.get_session("missing"), lambda: client.create_session({"runtime": "none"}), lambda: client.list_sessions(limit=0)):
    try:
        act()
    except ApiError as error:
        codes.append([error.code, error.status, error.retryable])
artifact = client.upload_artifact({"session_id": session, "data": "aGVsbG8=", "content_type": "text/plain"})
content = client.get_artifact(artifact["artifact_id"]).body.decode()
client.delete_session(session)
print(json.dumps({"status": result.status, "text": result.text, "approvals": result.receipt["approvals"], "seen": len(seen), "last": result.last_seq, "codes": codes, "content": content}))
`,
    bench.client.url,
    JSON.stringify(bench.session()),
  )
  expect(answer).toMatchObject({
    status: 'completed',
    text: 'That was all.',
    approvals: { approved: 1, denied: 1, by_user: 2 },
    codes: [
      ['session_not_found', 404, false],
      ['unknown_runtime', 400, false],
      ['invalid_request', 400, false],
    ],
    content: 'hello',
  })
  expect(await bench.folder.read('first')).toBe('')
  expect(await bench.folder.read('second')).toBeNull()
})

test('a stream goes on over a kill of the daemon: each event once, in order', { timeout: 60_000 }, async () => {
  await using stage = await createStage([{ name: 'touch', prompt: 'touch', legs: [legs[0] ?? { text: '' }, { text: 'done' }] }])
  const args = [...quiet, '--port', String(await findPort())]
  await using first = await stage.start(args)
  const { session_id } = await first.client.createSession(stage.session())
  const source = `
import sys
from codesdkd_client import Client
with Client(sys.argv[1]).follow(sys.argv[2], on_connection=lambda phase: print(phase)) as events:
    for event in events:
        print(event["seq"])
        if event["type"] == "task.completed":
            break
`
  const child = spawn('python3', ['-c', source, first.client.url, session_id], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  const lines = createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  const exited = once(child, 'exit')
  await first.client.startTask(session_id, 'touch')
  await first.client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  await until('the program sees the call', () => said.length > 5)
  await first.end('SIGKILL')
  await until('the program notices', () => said.includes('lost'))
  await using second = await stage.start(args)
  await second.client.finish(await second.client.startTask(session_id, 'touch'))
  await exited
  lines.close()
  const stored = await second.client.events(session_id)
  expect(said.filter((line) => /^\d+$/.test(line)).map(Number)).toEqual(stored.map(({ seq }) => seq))
})

test(
  'a daemon of its own, with a token, over a Unix socket, closed from another thread; it does not outlive its parent',
  { timeout: 60_000 },
  async () => {
    await using stage = await createStage(scenarios)
    const source = `
import json, os, signal, sys, threading
from codesdkd_client import Client, DaemonStartError, find_daemon, start_daemon
command, data = [sys.argv[1], sys.argv[2]], sys.argv[3]
try:
    with start_daemon(command=command, args=["--port", "nothing"]):
        pass
except DaemonStartError as error:
    refused = error.exit_code
with start_daemon(command=command, data_dir=data, args=["--auth", "token", "--offline"]) as daemon:
    found = find_daemon(data, daemon.token)
    about = {"refused": refused, "token": daemon.token is not None, "found": found is not None and found.pid == daemon.pid}
gone = find_daemon(data) is None
socket = os.path.join(data, "socket")
with start_daemon(command=command, data_dir=data, args=["--listen", "unix:" + socket, "--offline"]) as daemon:
    client = Client("unix:" + socket, daemon.token)
    session = client.create_session({"runtime": "codex"})["session_id"]
    with client.follow(session) as events:
        threading.Timer(0.1, events.close).start()
        types = [event["type"] for event in events]
    print(json.dumps({**about, "gone": gone, "types": types, "pid": daemon.pid}), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
`
    const { stdout, stderr } = await run('python3', ['-c', source, process.execPath, executable, stage.folder.dataDir], { env })
    expect(stdout, stderr).not.toBe('')
    const answer = JSON.parse(stdout) as { pid: number }
    expect(answer).toMatchObject({ refused: 2, token: true, found: true, gone: true, types: ['session.created'] })
    await until('the daemon has ended with its parent', () => !lives(answer.pid))
  },
)

test('everything that waits, in any session, is put to the handler', { timeout: 60_000 }, async () => {
  await using bench = await createBench({
    scenarios: [{ name: 'work', prompt: 'work', legs: [legs[0] ?? { text: '' }, { text: 'done' }] }],
  })
  const sessions = await Promise.all([bench.client.createSession(bench.session()), bench.client.createSession(bench.session())])
  const [one] = sessions
  const first = await bench.client.startTask(one?.session_id ?? '', 'work')
  await bench.client.event(one?.session_id ?? '', 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  const source = `
import json, sys, threading
from codesdkd_client import Client
client, stop, seen = Client(sys.argv[1]), threading.Event(), []
def decide(call):
    seen.append(call["session_id"])
    if len(seen) == 1:
        client.start_task(sys.argv[2], {"messages": [{"role": "user", "content": "work"}]})
    else:
        stop.set()
    return {"decision": "approve"}
client.on_approval(decide, stop)
print(json.dumps(seen))
`
  expect(await python(source, bench.client.url, sessions[1]?.session_id ?? '')).toEqual(sessions.map(({ session_id }) => session_id))
  expect(await bench.client.finish(first)).toMatchObject({ type: 'task.completed' })
})

test('what follows from the document is current, and the types hold', { timeout: 120_000 }, async () => {
  expect(await run(process.execPath, [join(root, 'scripts/python.ts'), '--check'])).toMatchObject({ code: 0, stderr: '' })
  const args = ['--strict', '--python-version', '3.11', '--cache-dir', '/dev/null', '-p', 'codesdkd_client']
  const checked = await run('env', ['-C', library, 'mypy', ...args], { limitMs: 100_000 })
  expect(checked.stdout).toContain('Success')
})

test('the blocks of the README run as they are', { timeout: 60_000 }, async () => {
  await using stage = await createStage([])
  await using daemon = await stage.start([...quiet, '--offline'])
  const { session_id } = await daemon.client.createSession({ runtime: 'codex', cwd: stage.folder.workspace })
  const given = {
    url: daemon.client.url,
    folder: stage.folder.workspace,
    session_id,
    data_dir: join(stage.folder.path, 'other'),
    command: [process.execPath, executable],
  }
  const blocks = [...readFileSync(join(library, 'README.md'), 'utf8').matchAll(/^```python\n([\s\S]*?)^```$/gm)].map(
    ([, block = '']) => block,
  )
  expect(blocks).toHaveLength(3)
  const file = join(stage.folder.path, 'readme.py')
  await writeFile(file, `import json, sys\nglobals().update(json.loads(sys.argv[1]))\n${blocks.join('\n')}`)
  const { code, stdout, stderr } = await run('python3', [file, JSON.stringify(given)], { env })
  expect(code, stderr).toBe(0)
  expect(stdout).toContain('completed')
  expect(stdout).toContain('session_not_found 404 False')
  expect(stdout).toContain('codex-sdk')
})
