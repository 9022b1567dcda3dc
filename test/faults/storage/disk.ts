import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A disk of its own in memory, in a namespace of its own: it can be mounted by an ordinary user, and is gone with its holder. */
export interface Disk extends AsyncDisposable {
  /** Where it lies for whoever is in the namespace. */
  readonly path: string
  /** The command that runs a command in the namespace. */
  readonly prefix: readonly string[]
  /** Takes all the room there is. */
  fill(): void
  free(): void
  /** `ro` or `rw`. */
  remount(as: 'ro' | 'rw'): void
}

export async function openDisk(size: string): Promise<Disk> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'codesdkd-disk-'))
  const path = join(folder.path, 'disk')
  mkdirSync(path)
  const mount = `mount -t tmpfs -o size=${size},mode=0700 tmpfs "$0" && echo mounted && exec cat`
  const holder = spawn('unshare', ['--map-root-user', '--mount', 'sh', '-c', mount, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(holder, 'exit')
  await Promise.race([once(createInterface({ input: holder.stdout }), 'line'), gone])
  if (holder.exitCode !== null) throw new Error('no disk can be mounted here')
  const pid = String(holder.pid)
  const prefix = ['nsenter', '--user', '--mount', '--preserve-credentials', '--target', pid, '--']
  const filler = join('/proc', pid, 'root', path, 'filler')
  return {
    path,
    prefix,
    fill: () => fill(filler),
    free: () => rmSync(filler, { force: true }),
    remount: (as) => void execFileSync('nsenter', [...prefix.slice(1), 'mount', '-o', `remount,bind,${as}`, path]),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL')
      await gone
      await folder[Symbol.asyncDispose]()
    },
  }
}

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let pages = 0; pages < 1_000_000; pages++) writeSync(file, Buffer.alloc(4096, 1))
  } catch {
    // Full, as intended.
  } finally {
    closeSync(file)
  }
}
