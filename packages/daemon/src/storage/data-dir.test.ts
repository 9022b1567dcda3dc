import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { StartFailure } from '../core/start-failure.ts'
import { openDataDir } from './data-dir.ts'
import { startChild } from './testing/child.ts'
import { openSample, sampleAppend, temporaryDirectory } from './testing/samples.ts'

function refusal(path: string): StartFailure {
  try {
    openDataDir(path)[Symbol.dispose]()
  } catch (error) {
    if (error instanceof StartFailure) return error
    throw error
  }
  throw new Error(`${path} was accepted`)
}

/** A directory of someone else: root's own, or for root one that was given away. */
function foreignDirectory(path: string): string {
  if (process.geteuid?.() !== 0) return '/usr'
  chownSync(path, 65_534, 65_534)
  return path
}

describe('a data directory', () => {
  test('is made with everything in it private', async () => {
    using directory = temporaryDirectory()
    const path = join(directory.path, 'state', 'codesdkd')
    using storage = openSample(path)
    await storage.log.append(sampleAppend('s', 1))
    storage.artifacts.put('s', 'content', { contentType: 'text/plain' })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777
      expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600])
    }
  })

  test('that others could read is shut to them', () => {
    using directory = temporaryDirectory()
    chmodSync(directory.path, 0o755)
    using _ = openDataDir(directory.path)
    expect(statSync(directory.path).mode & 0o777).toBe(0o700)
  })

  test('loses what was not finished', () => {
    using directory = temporaryDirectory()
    mkdirSync(join(directory.path, 'tmp', 'bundle'), { recursive: true })
    writeFileSync(join(directory.path, 'tmp', 'bundle', 'half'), 'x')
    using dir = openDataDir(directory.path)
    expect(readdirSync(dir.temp)).toEqual([])
  })

  test.each(['codesdkd.db', 'lock.db', 'hwm.json', 'tmp', 'artifacts'])(
    'with a link in it is refused, and nothing is written through it: %s',
    (name) => {
      using directory = temporaryDirectory()
      using elsewhere = temporaryDirectory()
      symlinkSync(join(elsewhere.path, 'target'), join(directory.path, name))
      expect(refusal(directory.path)).toMatchObject({ code: 'data_dir_unusable', exitCode: 73, message: expect.stringContaining(name) })
      expect(readdirSync(elsewhere.path)).toEqual([])
    },
  )

  test.each([0o770, 0o707, 0o720, 0o702])('that others can write is refused (%o)', (mode) => {
    using directory = temporaryDirectory()
    chmodSync(directory.path, mode)
    expect(refusal(directory.path)).toMatchObject({
      code: 'data_dir_unusable',
      exitCode: 73,
      message: expect.stringContaining('can be written by other users'),
    })
    expect(readdirSync(directory.path)).toEqual([])
  })

  test.each(['', '/'])('that is a symbolic link is refused (with "%s" behind it)', (end) => {
    using directory = temporaryDirectory()
    mkdirSync(join(directory.path, 'real'), { mode: 0o700 })
    symlinkSync(join(directory.path, 'real'), join(directory.path, 'link'))
    expect(refusal(join(directory.path, 'link') + end)).toMatchObject({ exitCode: 73, message: expect.stringContaining('symbolic link') })
    expect(readdirSync(join(directory.path, 'real'))).toEqual([])
  })

  test('of another user is refused', () => {
    using directory = temporaryDirectory()
    const path = foreignDirectory(directory.path)
    expect(refusal(path)).toMatchObject({ exitCode: 73, message: expect.stringContaining('belongs to another user') })
  })

  test.each(['file', 'file/below'])('that cannot be one is refused (%s)', (name) => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'file'), '')
    expect(refusal(join(directory.path, name))).toMatchObject({ code: 'data_dir_unusable', exitCode: 73 })
  })
})

describe('the lock', () => {
  test('keeps a second daemon of the same process out, and is free afterwards', () => {
    using directory = temporaryDirectory()
    {
      using _ = openDataDir(directory.path)
      expect(refusal(directory.path)).toMatchObject({ code: 'data_dir_locked', exitCode: 75, members: { pid: process.pid } })
      expect(refusal(directory.path)).toMatchObject({ code: 'data_dir_locked' })
    }
    using _ = openDataDir(directory.path)
    expect(JSON.parse(readFileSync(join(directory.path, 'lock.json'), 'utf8'))).toEqual({ pid: process.pid })
  })

  test('of another process holds while that is stopped, and ends with it however it ends', async () => {
    using directory = temporaryDirectory()
    await using holder = startChild('holder.ts', [directory.path])
    for await (const _ of holder.lines) break
    expect(refusal(directory.path)).toMatchObject({
      exitCode: 75,
      message: expect.stringContaining(`process ${holder.process.pid}`),
      members: { pid: holder.process.pid },
    })
    holder.process.kill('SIGSTOP')
    expect(refusal(directory.path)).toMatchObject({ exitCode: 75 })
    holder.process.kill('SIGKILL')
    await holder.closed
    using storage = openSample(directory.path)
    expect(storage.log.writable).toBe(true)
  })

  test('is not given away by an attempt to take it', async () => {
    using directory = temporaryDirectory()
    using _ = openDataDir(directory.path)
    expect(refusal(directory.path).code).toBe('data_dir_locked')
    await using second = startChild('holder.ts', [directory.path], ['sh', '-c', 'exec "$@" 2>&1', 'sh'])
    const output: string[] = []
    for await (const line of second.lines) output.push(line)
    await second.closed
    expect(output.join('\n')).toContain('data_dir_locked')
    expect(output).not.toContain('held')
  })
})
