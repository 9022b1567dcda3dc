import { join } from 'node:path'
import { spawnDaemon, type DaemonProcess } from '../../harness/daemon.ts'
import { createFolder } from '../../harness/workspace.ts'

export interface Ground extends AsyncDisposable {
  readonly daemon: DaemonProcess
  readonly workspace: string
}

const settings = [
  '--metrics',
  '--sandbox=off',
  '--log-level=warn',
  '--runtimes=codex,quick,stdio',
  '--default-runtime=quick',
  '--approval-timeout=8',
  '--max-live-agents=12',
]

/** A daemon as a process of its own, with agents that are quick, and with patience that is short. */
export async function openGround(): Promise<Ground> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const agents = {
    quick: join(import.meta.dirname, 'agent.mjs'),
    stdio: join(import.meta.dirname, '../../lifecycle/testing/stdio-agent.mjs'),
  }
  const paths = ['--data-dir', folder.dataDir, '--workspace-root', folder.workspace]
  const daemon = stack.use(
    await spawnDaemon([
      ...paths,
      ...Object.entries(agents).flatMap(([name, file]) => ['--agent', `${name}=${process.execPath} ${file}`]),
      ...settings,
    ]),
  )
  const parts = stack.move()
  return { daemon, workspace: folder.workspace, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}
