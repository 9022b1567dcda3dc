import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { toPrompt, type Flood } from './flood.ts'

/** The ceiling has a second form, which parses. */
export type Side = 'daemon' | 'ceiling' | 'parsing'

export interface TargetOptions {
  readonly side: Side
  /** Made unless it is there. A daemon goes on with what an earlier one has left in it. */
  readonly folder: string
  /** The daemon's Codex; default: the stand-in. */
  readonly agent?: string
  /** The daemon's executable; default: the working tree's. */
  readonly executable?: string
  /** Further flags of the daemon. */
  readonly flags?: readonly string[]
  /** Whether the stand-in agent runs behind the daemon's wall. */
  readonly walled: boolean
  /** Where Node is to leave a profile of the server when that ends. */
  readonly profiles?: string
}

export interface Session {
  readonly id: string
  /** Of the session, and of its events. */
  readonly path: string
}

const root = join(import.meta.dirname, '../..')
export const daemonExecutable = join(root, 'packages/daemon/bin/codesdkd.js')
/** Whoever measures may have a configuration of their own. */
const nowhere = '/nonexistent'

/** A server under load: the daemon or the ceiling, as processes that are used by their documented flags and routes alone. */
export class Target implements AsyncDisposable {
  readonly side: Side
  readonly port: number
  /** The ceiling's way without HTTP; NaN for the daemon. */
  readonly rawPort: number
  readonly pid: number
  readonly folder: string
  readonly #child: ChildProcess

  constructor({ side, folder }: TargetOptions, child: ChildProcess, ready: { readonly url: string; readonly raw?: number }) {
    this.side = side
    this.folder = folder
    this.port = Number(new URL(ready.url).port)
    this.rawPort = ready.raw ?? NaN
    this.pid = child.pid ?? 0
    this.#child = child
  }

  get #url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async openSession(more: object = {}): Promise<Session> {
    const cwd = join(this.folder, 'workspace')
    // An endpoint of its own needs no key; the stand-in asks no model.
    const body = { runtime: 'codex-sdk', cwd, permissionMode: 'yolo', runtimeConfig: { base_url: 'http://127.0.0.1:9/v1' }, ...more }
    const { session_id: id } = (await this.#post('/sessions', body, 201)) as { session_id: string }
    return { id, path: `/sessions/${id}` }
  }

  /** Resolves with the task's path when it is accepted. */
  async startTask({ path }: Session, asked: Flood | string): Promise<string> {
    const content = typeof asked === 'string' ? asked : toPrompt(asked)
    const { task_id: id } = (await this.#post(`${path}/tasks`, { messages: [{ role: 'user', content }] }, 202)) as {
      task_id: string
    }
    return `${path}/tasks/${id}`
  }

  async get(path: string): Promise<Response> {
    return await fetch(this.#url + path)
  }

  /** seq of the last event of the session. */
  async tip({ path }: Session): Promise<number> {
    for (let after = 0; ;) {
      const page = (await (await this.get(`${path}/events?after_seq=${after}&limit=5000`)).json()) as {
        next_seq: number
        has_more: boolean
      }
      after = page.next_seq
      if (!page.has_more) return after
    }
  }

  /** Resolves when no task of the session is open. */
  async untilIdle(path: string): Promise<void> {
    for (;;) {
      const { phase } = (await (await this.get(path)).json()) as { readonly phase: string }
      if (phase === 'idle') return
      await setTimeout(20)
    }
  }

  /** Resolves when the task has been asked to end. */
  async stop(task: string): Promise<void> {
    await fetch(`${this.#url}${task}/stop`, { method: 'POST' })
  }

  async #post(path: string, body: object, status: number): Promise<unknown> {
    const answer = await fetch(this.#url + path, { method: 'POST', body: JSON.stringify(body) })
    const text = await answer.text()
    if (answer.status !== status) throw new Error(`${this.side}: POST ${path}: ${answer.status} ${text}`)
    return JSON.parse(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
  }
}

/** Starts a server. Rejects when it ends instead of telling its ready line. */
export async function openTarget(options: TargetOptions): Promise<Target> {
  const { side, folder, executable = daemonExecutable, flags = [], walled, profiles } = options
  await mkdir(join(folder, 'workspace'), { recursive: true })
  const agent = options.agent ?? (await writeAgent(join(folder, 'flood-agent'), 'flood-agent.ts'))
  const profile = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${side}.cpuprofile`]
  const args =
    side === 'daemon'
      ? [executable, '--data-dir', join(folder, 'data'), '--codex-bin', agent, '--log-level', 'error', ...toWall(walled, folder), ...flags]
      : [join(import.meta.dirname, 'ceiling.ts'), agent, side]
  const env = { ...process.env, XDG_CONFIG_HOME: nowhere }
  const child = spawn(process.execPath, [...profile, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const exited = once(child, 'exit').then(() => null)
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>, exited])
  if (line === null) throw new Error(`${side} ended with ${String(child.exitCode)}`)
  return new Target(options, child, JSON.parse(line[0]) as { url: string; raw?: number })
}

/** Behind the wall the stand-in has to be let see itself. */
function toWall(walled: boolean, folder: string): readonly string[] {
  return walled ? ['--sandbox', 'require', '--readable-root', folder, '--readable-root', root] : ['--sandbox', 'off']
}

/** A stand-in as one executable file: it is run by this Node, whatever the PATH says. Resolves with the file. */
export async function writeAgent(file: string, script: string): Promise<string> {
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, script)}' "$@"\n`)
  await chmod(file, 0o755)
  return file
}
