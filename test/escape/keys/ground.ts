import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openStage, type Stage } from '../../conformance/stage.ts'
import type { Subject } from '../../conformance/subject.ts'
import { spawnDaemon, type DaemonProcess } from '../../harness/daemon.ts'
import { createCanaries, createStem, type Canaries } from './canary.ts'
import { HeardClient } from './heard-client.ts'
import { Search } from './search.ts'
import { notes } from './wire.ts'
import { ways, type Way } from './ways.ts'

export interface GroundOptions {
  readonly walled: boolean
  /** As whom the daemon runs; default: whoever runs the test. */
  readonly user?: number
}

/** Where one agent is played with, and what is looked for there. */
export interface Ground extends AsyncDisposable {
  readonly stage: Stage
  readonly canaries: Canaries
  readonly keys: Readonly<Record<Way, string>>
  /** A secret in the configuration of a session. */
  readonly header: string
  /** Finds `key`, `login`, `header` and `placeholder`. */
  readonly search: Search
  /** A file in the home of the daemon's user, and what is in it. */
  readonly login: { readonly path: string; readonly content: string }
  /** The file with the daemon's own token. */
  readonly tokenFile: string
  workspaceOf(way: Way): string
  /** `codesdkd <command>` to its end. */
  run(command: readonly string[], typed?: string): Promise<void>
  /** A daemon for as long as `use` takes; what it said is searched. */
  withDaemon<T>(use: (daemon: DaemonProcess, client: HeardClient) => Promise<T>): Promise<T>
}

const root = join(import.meta.dirname, '../../..')
const executable = join(root, 'packages/daemon/bin/codesdkd.js')
const greeting = 'export const greet = (name) => `Helo, ${name}!`;\n'

export async function openGround(subject: Subject, { walled, user }: GroundOptions): Promise<Ground> {
  await using stack = new AsyncDisposableStack()
  const stage = stack.use(await openStage(subject))
  const { path, dataDir } = stage.folder
  const stem = createStem()
  const [canaries, login, header] = [createCanaries(stem), createCanaries(stem), createCanaries(stem)]
  const [home, temp] = [join(path, 'home'), join(path, 'temp')]
  for (const directory of [home, temp]) await mkdir(directory)
  for (const way of ways) {
    await mkdir(join(path, way))
    await writeFile(join(path, way, 'greet.js'), greeting)
  }
  const token = `${canaries.mark}-of-the-daemon`
  const tokenFile = join(path, 'token')
  await writeFile(tokenFile, token, { mode: 0o600 })
  await subject.logIn(home, login.secret('login'))
  const file = execFileSync('grep', ['-rlF', login.mark, home], { encoding: 'utf8' }).trim()
  if (user !== undefined) execFileSync('chown', ['-R', `${user}:${user}`, path])
  const search = new Search(path, {
    stem,
    marks: { key: canaries.mark, login: login.mark, header: header.mark },
    plain: { placeholder: 'codesdkd-placeholder-' },
  })
  const known = ['--data-dir', dataDir, '--token-file', tokenFile, ...(subject.daemon?.args ?? [])]
  const told = { [subject.credentialVariable.replace(/_API_KEY$/, '_BASE_URL')]: stage.model.url }
  const env = { ...subject.daemon?.env, HOME: home, TMPDIR: temp, [subject.credentialVariable]: canaries.secret('inherited'), ...told }
  const readable = [dirname(notes), join(root, 'package.json')].flatMap((place) => ['--readable-root', place])
  const args = [...known, ...readable, '--log-level', 'debug', '--sandbox', walled ? 'require' : 'off']
  const parts = stack.move()
  return {
    stage,
    canaries,
    keys: { stored: canaries.secret('stored'), given: canaries.secret('given'), inherited: canaries.secret('inherited') },
    header: header.secret('header'),
    search,
    tokenFile,
    login: { path: file, content: await readFile(file, 'utf8') },
    workspaceOf: (way) => join(path, way),
    async run(command, typed = '') {
      const options = {
        env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent', ...env },
        ...(user === undefined ? {} : { uid: user, gid: user }),
      }
      const child = spawn(process.execPath, [executable, ...command, ...known], options)
      const ended = once(child, 'close')
      child.stdin.end(typed)
      const [stdout, stderr] = await Promise.all(
        [child.stdout, child.stderr].map(async (stream) => Buffer.concat(await Array.fromAsync(stream))),
      )
      const [code] = await ended
      // A doctor that finds something says so with 1.
      if (code !== 0 && command[1] !== 'doctor')
        throw new Error(`codesdkd ${command.join(' ')} ended with ${String(code)}: ${String(stderr)}`)
      search.text(`what codesdkd ${command.join(' ')} said`, Buffer.concat([stdout ?? Buffer.of(), stderr ?? Buffer.of()]))
    },
    async withDaemon(use) {
      await using daemon = await spawnDaemon(args, env, user === undefined ? {} : { user })
      const client = new HeardClient(daemon.client.url, token)
      try {
        return await use(daemon, client)
      } finally {
        await daemon.end()
        search.text('what the daemon wrote to stderr', daemon.stderr())
        search.text('what the daemon answered', client.heard.join('\n'))
      }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
