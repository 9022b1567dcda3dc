import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectory, openInside, replaceFile, replaceKnownFile, writeOwnFile } from './own-files.ts'

let base: string
let root: string
let elsewhere: string
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'codesdkd-own-'))
  root = path.join(base, 'root')
  elsewhere = path.join(base, 'elsewhere')
  await Promise.all([mkdir(root), mkdir(elsewhere)])
  await writeFile(path.join(elsewhere, 'file'), 'theirs')
})
afterEach(() => rm(base, { recursive: true }))

describe('makeDirectory', () => {
  it('makes what is missing, private', async () => {
    const made = await makeDirectory(root, 'a', 'b/c')
    expect(made).toBe(path.join(root, 'a', 'b', 'c'))
    expect((await stat(made)).mode & 0o777).toBe(0o700)
  })

  it('replaces links and files, and leaves what they lead to', async () => {
    await symlink(elsewhere, path.join(root, 'link'))
    await writeFile(path.join(root, 'file'), '')
    await makeDirectory(root, 'link', 'below')
    await makeDirectory(root, 'file')
    await expect(stat(path.join(elsewhere, 'below'))).rejects.toThrow('ENOENT')
    expect(await readFile(path.join(elsewhere, 'file'), 'utf8')).toBe('theirs')
  })
})

describe('writeOwnFile', () => {
  it('replaces a file, a link and a directory', async () => {
    await writeFile(path.join(root, 'one'), 'old')
    await symlink(path.join(elsewhere, 'file'), path.join(root, 'two'))
    await mkdir(path.join(root, 'three', 'below'), { recursive: true })
    for (const name of ['one', 'two', 'three', 'four']) {
      const file = await writeOwnFile(root, [name], 'ours')
      expect(await readFile(file, 'utf8')).toBe('ours')
      expect((await stat(file)).mode & 0o777).toBe(0o600)
    }
    expect(await readFile(path.join(elsewhere, 'file'), 'utf8')).toBe('theirs')
  })

  it('goes through no link on the way', async () => {
    await symlink(elsewhere, path.join(root, 'link'))
    await writeOwnFile(root, ['link', 'file'], 'ours')
    expect(await readFile(path.join(elsewhere, 'file'), 'utf8')).toBe('theirs')
  })
})

describe('replaceKnownFile', () => {
  it('replaces what is known', async () => {
    const file = path.join(root, 'file')
    await writeFile(file, 'known', { mode: 0o644 })
    expect(await replaceKnownFile(file, 'known', 'ours')).toBe(true)
    expect(await readFile(file, 'utf8')).toBe('ours')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(root)).toEqual(['file'])
  })

  it('leaves what somebody else has written or removed since', async () => {
    await writeFile(path.join(root, 'written'), 'theirs')
    expect(await replaceKnownFile(path.join(root, 'written'), 'known', 'ours')).toBe(false)
    expect(await readFile(path.join(root, 'written'), 'utf8')).toBe('theirs')
    expect(await replaceKnownFile(path.join(root, 'removed'), 'known', 'ours')).toBe(false)
    expect(await readdir(root)).toEqual(['written'])
  })
})

describe('openInside', () => {
  const read = async (file: string) => {
    await using handle = await openInside(root, file)
    return handle === null ? null : await handle.readFile('utf8')
  }

  it('reads what lies inside, and nothing that is reached by a link or is no file', async () => {
    await writeFile(path.join(root, 'file'), 'ours')
    await symlink(path.join(elsewhere, 'file'), path.join(root, 'link'))
    await symlink(elsewhere, path.join(root, 'directory'))
    expect(await read(path.join(root, 'file'))).toBe('ours')
    for (const name of ['link', 'directory/file', '../elsewhere/file', 'missing', '.'])
      expect(await read(path.join(root, name)), name).toBeNull()
  })
  it('reads a file that is replaced again and again', async () => {
    const file = path.join(root, 'file')
    await writeOwnFile(root, ['file'], 'ours')
    const done = new AbortController()
    const replaced = (async () => {
      while (!done.signal.aborted) await replaceFile(file, 'ours')
    })()
    const found = new Set<string | null>()
    for (let round = 0; round < 500; round += 1) found.add(await read(file))
    done.abort()
    await replaced
    expect([...found]).toEqual(['ours'])
  })
})
