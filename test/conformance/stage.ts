import { startOfflineModel, type OfflineModel } from '@codesdkd/offline-model'
import { expect, vi } from 'vitest'
import { readInvocation } from '../../packages/daemon/src/configuration/config.ts'
import { createDaemon } from '../../packages/daemon/src/daemon.ts'
import { TestClient } from '../harness/client.ts'
import { spawnDaemon, type DaemonProcess } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { agentsOf, processesOf, type LiveProcess } from './processes.ts'
import { toScenarios, type Script } from './script.ts'
import type { Environment, SessionBody, Subject } from './subject.ts'

/** Where one cell plays: a folder, a model, and daemons that come and go. Disposing it fails when anything of it still runs. */
export interface Stage extends AsyncDisposable {
  readonly subject: Subject
  readonly model: OfflineModel
  readonly folder: TestFolder
  /** Body of a session of the subject in this workspace, in permission mode `ask`, with the model of this stage. */
  session(more?: SessionBody): SessionBody
  /** What the model says to which prompt. */
  script(script: Script): void
  /** The daemon in this process: same code, same composition root, real HTTP. */
  open(args?: readonly string[], env?: Environment): Promise<{ readonly client: TestClient } & AsyncDisposable>
  /** The daemon as a process of its own, for what only a process can suffer. */
  start(args?: readonly string[], env?: Environment): Promise<DaemonProcess>
  /** All processes of this stage. */
  processes(): Promise<readonly LiveProcess[]>
  /** The agents that a daemon started, whatever is around them; those of the daemon in this process by default. */
  agents(daemon?: number): Promise<readonly LiveProcess[]>
}

export async function openStage(subject: Subject): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const model = stack.use(await startOfflineModel({ scenarios: [] }))
  const processes = () => processesOf(folder.path)
  const { args: known = [], env: variables = {} } = subject.daemon ?? {}
  stack.defer(() => expectNobody(processes))
  const parts = stack.move()
  return {
    subject,
    model,
    folder,
    session({ runtimeConfig, env, ...more } = {}) {
      const body = subject.session({ cwd: folder.workspace, endpoint: model.url })
      return {
        ...body,
        ...more,
        env: { ...toObject(body['env']), ...toObject(env) },
        runtimeConfig: { ...toObject(body['runtimeConfig']), ...toObject(runtimeConfig) },
      }
    },
    script: (script) => model.setScenarios(toScenarios(script)),
    async open(args = [], env = {}) {
      const invocation = readInvocation(['--data-dir', folder.dataDir, '--log-level', 'silent', ...known, ...args], {})
      if (invocation.command !== 'serve') throw new Error('the arguments do not serve')
      const daemon = await createDaemon(invocation.config, { environment: { ...process.env, ...variables, ...env } })
      return { client: new TestClient(daemon.url), [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
    },
    start: (args = [], env = {}) => spawnDaemon(['--data-dir', folder.dataDir, ...known, ...args], { ...variables, ...env }),
    processes,
    agents: async (daemon = process.pid) => agentsOf(await processes(), daemon),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function expectNobody(processes: Stage['processes']): Promise<void> {
  try {
    await vi.waitFor(async () => expect(await processes(), 'processes that outlive their daemon').toEqual([]), { timeout: 30_000 })
  } finally {
    for (const { pid } of await processes()) process.kill(pid, 'SIGKILL')
  }
}

function toObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}
