import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readlink, realpath, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import * as path from 'node:path'
import { promisify } from 'node:util'
import type { Wall } from './wall.ts'

const timeoutMs = 5000

/**
 * Runs the relay's own check inside the wall: it has to reach a socket of the host through the relay, to fail at a write outside, and
 * to be in a process namespace of its own. Null when all of it holds; else what went wrong. Rejects when the check cannot be set up.
 */
export async function tryWall(
  wall: Wall,
  { scratch, relay }: { readonly scratch: string; readonly relay: string },
): Promise<string | null> {
  const directory = await realpath(await mkdtemp(path.join(scratch, 'wall-')))
  const workspace = path.join(directory, 'workspace')
  const sockets = path.join(directory, 'sockets')
  const outside = path.join(directory, 'outside')
  const nonce = randomUUID()
  const server = createServer((socket) => socket.on('error', () => {}).end(nonce))
  try {
    await Promise.all([workspace, sockets, outside].map((each) => mkdir(each, { mode: 0o700 })))
    await once(server.listen(path.join(sockets, 'gateway.sock')), 'listening')
    const check = { program: relay, args: ['--check', '8080', path.join(outside, 'written')], cwd: workspace, env: {} }
    // The directory outside can be read and so exists inside: a write is refused by the wall, not for want of a place.
    const place = { workspace, writable: [], readable: [outside], named: [], hidden: [], sockets }
    const command = wall.enclose({ ...check, readable: [], writable: [] }, place)
    const run = promisify(execFile)(command.program, [...command.args], {
      cwd: command.cwd,
      env: command.env,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    run.child.stdin?.end()
    return judge((await run).stdout, { nonce, space: await readlink('/proc/self/ns/pid') })
  } catch (error) {
    return lastWords(error)
  } finally {
    wall.release({ sockets })
    server.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The same of a wall without a relay: a file can be made in the workspace and none beside it. */
export async function tryWrites(wall: Wall, scratch: string): Promise<string | null> {
  const directory = await realpath(await mkdtemp(path.join(scratch, 'wall-')))
  const workspace = path.join(directory, 'workspace')
  try {
    await mkdir(workspace)
    const place = { workspace, writable: [], readable: [], named: [], hidden: [], sockets: directory }
    const touch = async (file: string) => {
      const command = { program: '/usr/bin/touch', args: [file], cwd: workspace, env: {}, readable: [], writable: [] }
      const { program, args, ...rest } = wall.enclose(command, place)
      await promisify(execFile)(program, [...args], { ...rest, timeout: timeoutMs, killSignal: 'SIGKILL' })
    }
    await touch(path.join(workspace, 'written'))
    return await touch(path.join(directory, 'written')).then(
      () => 'a write outside of the workspace was not refused',
      () => null,
    )
  } catch (error) {
    return lastWords(error)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function judge(said: string, { nonce, space }: { readonly nonce: string; readonly space: string }): string | null {
  const answers = new Map(said.split('\n').map((line): [string, string] => [line.split(' ', 1)[0] ?? '', line.replace(/^\S+ /, '')]))
  if (answers.get('answer') !== nonce) return 'the way out to the gateway leads nowhere'
  if (answers.get('write') !== 'refused') return 'a write outside of the workspace was not refused'
  if (!/^pid:\[\d+\]$/.test(answers.get('space') ?? '') || answers.get('space') === space) return 'processes are not kept apart'
  return null
}

function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('killed' in error && error.killed === true) return 'a command inside did not end in time'
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : ''
  return (stderr === '' ? error.message : stderr).slice(-300).replace(/[.\s]+$/, '')
}
