import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, chown, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { startOfflineModel, type OfflineModel } from '@codesdkd/offline-model'
import { spawnDaemon, type DaemonProcess } from '../harness/daemon.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { processesOf } from '../conformance/processes.ts'
import type { Subject } from '../conformance/subject.ts'
import { openListeners, type Listeners } from './listeners.ts'
import { keyPlaces } from './places.ts'

/** Where an agent is let loose: a home full of secrets, programs of the user, listeners, and a daemon that runs as that user. */
export interface Field extends AsyncDisposable {
  readonly subject: Subject
  readonly folder: TestFolder
  readonly model: OfflineModel
  readonly listeners: Listeners
  /** Number of the daemon's user. */
  readonly user: number
  readonly home: string
  readonly outside: string
  /** The workspace of another session. */
  readonly besides: string
  readonly canaries: readonly string[]
  readonly victim: ChildProcess
  readonly abstract: string
  readonly hostAddress: string
  /** Where a second daemon of the user listens, once it was started. */
  readonly daemonSocket: string
  start(args?: readonly string[]): Promise<DaemonProcess>
  startOther(): Promise<DaemonProcess>
  /** Gives everything to the daemon's user. */
  own(): Promise<void>
}

export async function openField(subject: Subject, user: number): Promise<Field> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder())
  const model = stack.use(await startOfflineModel({ scenarios: [] }))
  const listeners = stack.use(await openListeners())
  const canary = `canary-${randomBytes(12).toString('hex')}`
  const [home, outside, besides, temp] = ['home', 'outside', 'besides', 'temp'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const directory of [home, outside, besides, temp]) await mkdir(directory, { mode: 0o700 })
  for (const file of [...keyPlaces.map((place) => join(home, place)), join(outside, 'secret'), join(besides, 'secret')]) {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `${canary}\n`)
  }
  for (const name of ['.bashrc', '.gitconfig', '.profile']) await writeFile(join(home, name), '')
  await symlink(outside, join(folder.workspace, 'there'))
  const abstract = `codesdkd-${randomBytes(8).toString('hex')}`
  for (const path of [join(outside, 'socket'), `\0${abstract}`, join(folder.workspace, 'early.sock')]) await listeners.open(path)
  // An agent of another user has no business in /tmp/…, but the way to its workspace leads through it.
  await chmod(folder.path, 0o755)
  await own(folder.path, user)
  const victim = stack.adopt(await startVictim(outside, canary, user), (child) => void child.kill('SIGKILL'))
  stack.defer(async () => {
    for (const { pid } of await processesOf(folder.path)) if (pid !== victim.pid) process.kill(pid, 'SIGKILL')
  })
  const { args: known = [], env: variables = {} } = subject.daemon ?? {}
  const daemonSocket = join(folder.path, 'api', 'daemon.sock')
  // Nobody but the wall keeps the agent from the API.
  const startDaemon = (args: readonly string[]) =>
    spawnDaemon(
      ['--auth', 'none', '--parent-watch', 'off', ...args],
      { ...variables, HOME: home, TMPDIR: temp, AWS_SECRET_ACCESS_KEY: canary },
      user === process.getuid?.() ? {} : { user },
    )
  const parts = stack.move()
  return {
    subject,
    folder,
    model,
    listeners,
    user,
    home,
    outside,
    besides,
    victim,
    abstract,
    daemonSocket,
    canaries: [canary],
    hostAddress: findHostAddress(),
    start: (args = []) => startDaemon(['--data-dir', folder.dataDir, ...known, ...args]),
    startOther: () => startDaemon(['--data-dir', join(folder.path, 'other'), '--listen', `unix:${daemonSocket}`]),
    own: () => own(folder.path, user),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** A program of the user that has nothing to do with agents: it knows a secret, and holds a file with it open. */
async function startVictim(outside: string, canary: string, user: number): Promise<ChildProcess> {
  const secret = openSync(join(outside, 'secret'), 'r')
  const null9 = ['ignore', 'ignore', 'ignore', null, null, null, null, null, null, secret] as const
  const child = spawn('/bin/sleep', ['3600'], {
    cwd: outside,
    env: { SECRET: canary },
    stdio: [...null9],
    ...(process.getuid?.() === 0 ? { uid: user, gid: user } : {}),
  })
  await once(child, 'spawn')
  closeSync(secret)
  return child
}

function findHostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}

async function own(place: string, user: number): Promise<void> {
  if (process.getuid?.() !== 0) return
  const stats = await lstat(place).catch(() => null)
  if (stats === null || stats.isSymbolicLink()) return
  await chown(place, user, user)
  if (stats.isDirectory()) for (const name of await readdir(place)) await own(join(place, name), user)
}
