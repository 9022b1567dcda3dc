import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { TestClient } from '../harness/client.ts'
import { createStage } from '../harness/daemon.ts'
import { createFolder } from '../harness/workspace.ts'
import { executable, host, urlOf } from './testing/host.ts'
import { lives, processesWith, until } from './testing/processes.ts'

/** A daemon whose parent can be killed without a word. Disposing ends the daemon, if it still lives. */
interface Child extends AsyncDisposable {
  readonly pid: number
  readonly client: TestClient
  killParent(): Promise<void>
}

/** A host that starts a daemon and does nothing else; `holder` is a third process with the other end of the daemon's stdin. */
async function startUnderParent(
  args: readonly string[],
  { stdin, holder = false }: { stdin: 'pipe' | 'ignore'; holder?: boolean },
): Promise<Child> {
  const script = `
    import { spawn } from 'node:child_process'
    const daemon = spawn(process.execPath, ${JSON.stringify([executable, '--log-level', 'silent', ...args])}, { stdio: [${JSON.stringify(stdin)}, 'inherit', 'inherit'] })
    if (${holder}) spawn('sleep', ['8'], { stdio: ['ignore', 'ignore', 'ignore', daemon.stdin] })
    console.log(daemon.pid)
    setTimeout(() => undefined, 60_000)
  `
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(parent, 'exit')
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]()
  const pid = Number((await lines.next()).value)
  const client = new TestClient(urlOf(String((await lines.next()).value)))
  return {
    pid,
    client,
    async killParent() {
      parent.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      parent.kill('SIGKILL')
      await exited
      if (lives(pid)) process.kill(pid, 'SIGKILL')
      await until('the daemon is gone', () => !lives(pid))
    },
  }
}

describe.concurrent('a daemon whose parent is killed', () => {
  test('auto: stops its tasks and ends, even if a third process holds its stdin', { timeout: 60_000 }, async () => {
    await using stage = await createStage([
      { name: 'sleep', prompt: 'sleep', legs: [{ tools: [{ tool: 'shell', command: 'sleep 600' }] }, { text: 'done' }] },
    ])
    const marker = `marker-${crypto.randomUUID()}`
    await using daemon = await startUnderParent(['--data-dir', stage.folder.dataDir], { stdin: 'pipe', holder: true })
    const session = await daemon.client.createSession(stage.session({ permissionMode: 'yolo', env: { MARKER: marker } }))
    const task = await daemon.client.startTask(session.session_id, 'sleep')
    await daemon.client.event(session.session_id, 'tool.call.started')
    await daemon.killParent()
    await until('the daemon ends with its parent', () => !lives(daemon.pid))
    expect(processesWith(marker).filter(lives)).toEqual([])
    await using next = await stage.start()
    expect(await next.client.task(task)).toMatchObject({ status: 'stopped', reason: 'daemon_shutdown' })
  })

  // It was started not to care: that it goes on shows after the time in which a watch would have ended it.
  test.for([
    ['auto, without a pipe', 'ignore', []],
    ['off', 'pipe', ['--parent-watch', 'off']],
  ] as const)('%s: goes on', async ([, stdin, args]) => {
    await using folder = await createFolder()
    await using daemon = await startUnderParent(['--data-dir', folder.dataDir, ...args], { stdin })
    await daemon.killParent()
    await delay(2_500)
    expect(lives(daemon.pid)).toBe(true)
    expect(await daemon.client.get('/readyz')).toMatchObject({ status: 200 })
  })
})

describe.concurrent('the end of stdin', () => {
  test('stdin: is the end of the daemon', async () => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir, '--parent-watch', 'stdin'])
    await daemon.ready
    daemon.child.stdin?.end('what a host says is not listened to\n')
    expect(await daemon.ended).toBe(0)
    expect(daemon.output.stderr).toContain('"why":"stdin has ended"')
  })

  test('auto: is nothing, since the parent lives', async () => {
    await using folder = await createFolder()
    await using daemon = host(['--data-dir', folder.dataDir])
    const url = urlOf(await daemon.ready)
    daemon.child.stdin?.end()
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
    expect(daemon.output.stderr).toContain('"why":"SIGTERM"')
  })
})
