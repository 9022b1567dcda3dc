import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startOfflineModel, type OfflineModel, type OfflineModelOptions } from '@codesdkd/offline-model'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { TestClient } from './client.ts'
import { createFolder, type TestFolder } from './workspace.ts'

/** A daemon, the model behind its agents, and a folder to work in. */
export interface TestBench extends AsyncDisposable {
  readonly client: TestClient
  readonly model: OfflineModel
  readonly folder: TestFolder
  /** Body of a session on the real Codex in this workspace, with the offline model. */
  session(more?: Readonly<Record<string, unknown>>): Record<string, unknown>
}

export interface BenchOptions {
  readonly scenarios?: OfflineModelOptions['scenarios']
  readonly args?: readonly string[]
}

/** The daemon in this process: same code, same composition root, real HTTP. */
export async function createBench({ scenarios = [], args = [] }: BenchOptions = {}): Promise<TestBench> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const model = stack.use(await startOfflineModel({ scenarios }))
  const invocation = readInvocation(['--data-dir', folder.dataDir, '--log-level', 'silent', ...args], { HOME: folder.path })
  if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
  const daemon = stack.use(await createDaemon(invocation.config))
  const parts = stack.move()
  return {
    client: new TestClient(daemon.url),
    model,
    folder,
    session: toSession(model, folder),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** The daemon as a process of its own, for what only a process can suffer: signals, kills, restarts. */
export interface DaemonProcess extends AsyncDisposable {
  readonly client: TestClient
  readonly child: ChildProcess
  readonly pid: number
  /** Everything it wrote to stderr so far. */
  stderr(): string
  /** Ends it with a signal and resolves with exit code and signal. */
  end(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** Whoever runs the tests may have a configuration of their own. */
const nowhere = '/nonexistent'
export const executable = join(import.meta.dirname, '../../packages/daemon/bin/codesdkd.js')

export interface SpawnOptions {
  /** Number of the user, and of the group, as whom it runs; only root has a choice. Default: one's own. */
  readonly user?: number
}

/** Starts `codesdkd` and resolves when its ready line has come. Rejects with its stderr when it ends instead. */
export async function spawnDaemon(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { user }: SpawnOptions = {},
): Promise<DaemonProcess> {
  const child = spawn(process.execPath, [executable, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, XDG_CONFIG_HOME: nowhere, ...env },
    ...(user === undefined ? {} : { uid: user, gid: user }),
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, exited.then(() => null)])
  if (line === null) throw new Error(`codesdkd ended with ${String(child.exitCode)}: ${stderr}`)
  const { url } = JSON.parse(line[0]) as { url: string }
  const end: DaemonProcess['end'] = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const [code, by] = await exited
    return { code, signal: by }
  }
  return {
    client: new TestClient(url),
    child,
    pid: child.pid ?? 0,
    stderr: () => stderr,
    end,
    async [Symbol.asyncDispose]() {
      await end()
    },
  }
}

/** A folder and a model for daemons that come and go. */
export async function createStage(
  scenarios: OfflineModelOptions['scenarios'],
): Promise<Omit<TestBench, 'client'> & { start(args?: readonly string[]): Promise<DaemonProcess> }> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const model = stack.use(await startOfflineModel({ scenarios }))
  const parts = stack.move()
  return {
    model,
    folder,
    session: toSession(model, folder),
    start: (args = []) => spawnDaemon(['--data-dir', folder.dataDir, ...args]),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function toSession(model: OfflineModel, folder: TestFolder): TestBench['session'] {
  return (more = {}) => ({
    runtime: 'codex-sdk',
    cwd: folder.workspace,
    model: 'gpt-5.5',
    credentialNamespace: 'test',
    permissionMode: 'ask',
    ...more,
    runtimeConfig: {
      base_url: `${model.url}/v1`,
      max_retries: 1,
      stream_idle_timeout_ms: 3_000,
      ...(more['runtimeConfig'] as object | undefined),
    },
  })
}
