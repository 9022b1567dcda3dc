import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Command, EnclosedCommand } from '../../core/enclosure.ts'
import { createBubblewrap } from '../bubblewrap.ts'
import type { Place, Wall } from '../wall.ts'

export const relay = fileURLToPath(new URL(`../../../native/relay-linux-${process.arch}`, import.meta.url))
const path = '/usr/local/bin:/usr/bin:/bin'

/** Root is tried as an ordinary user too. */
export const users: readonly number[] = process.getuid?.() === 0 ? [0, 65_534] : [process.getuid?.() ?? -1]

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A session's place on disk, beside what must stay out of its reach. */
export class Ground implements Disposable {
  readonly root: string
  readonly workspace: string
  readonly home: string
  readonly data: string
  readonly sockets: string
  readonly outside: string
  readonly #user: number

  constructor(user = process.getuid?.() ?? -1) {
    this.#user = user
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'wall-')))
    this.workspace = this.#make('workspace')
    this.outside = this.#make('outside')
    this.data = this.#make('data')
    this.home = this.#make('data/homes/one')
    this.sockets = this.#make('data/run/one')
  }

  #make(name: string): string {
    const directory = join(this.root, name)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return directory
  }

  place(change: Partial<Place> = {}): Place {
    const { workspace, home, data, sockets } = this
    return { workspace, writable: [home], readable: [], named: [], hidden: [data], sockets, ...change }
  }

  command(script: string, change: Partial<Command> = {}): Command {
    const { env, ...rest } = change
    const own = { PATH: path, HOME: this.home, ...env }
    return { program: '/bin/sh', args: ['-c', script], cwd: this.workspace, readable: [], writable: [], ...rest, env: own }
  }

  enclose(command: Command, place = this.place(), home = '/nonexistent'): EnclosedCommand {
    return createBubblewrap({ bwrap: '/usr/bin/bwrap', relay, home }).enclose(command, place)
  }

  /** The wall itself, for what outlives one command. */
  wall(): Wall {
    return createBubblewrap({ bwrap: '/usr/bin/bwrap', relay, home: '/nonexistent' })
  }

  start(command: Pick<EnclosedCommand, 'program' | 'args' | 'cwd' | 'env'>, stdio: StdioOptions = 'pipe'): ChildProcessWithoutNullStreams {
    const as = process.getuid?.() === 0 ? { uid: this.#user, gid: this.#user } : {}
    if (process.getuid?.() === 0) own(this.root, this.#user)
    const { program, args, cwd, env } = command
    return spawn(program, args, { cwd, env, stdio, ...as }) as ChildProcessWithoutNullStreams
  }

  async run(command: Pick<EnclosedCommand, 'program' | 'args' | 'cwd' | 'env'>, stdio?: StdioOptions): Promise<Ended> {
    const child = this.start(command, stdio)
    child.stdin.end()
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: child.exitCode, stdout, stderr }
  }

  /** A shell script inside. */
  inside(script: string, change: Partial<Command> = {}, place?: Place, home?: string): Promise<Ended> {
    return this.run(this.enclose(this.command(script, change), place, home))
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

function own(place: string, user: number): void {
  const stats = lstatSync(place)
  if (stats.isSymbolicLink()) return
  chownSync(place, user, user)
  if (stats.isDirectory()) for (const name of readdirSync(place)) own(join(place, name), user)
}
