import { lstat, mkdtempDisposable, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, test } from 'vitest'
import { linkLogin } from './login-file.ts'

async function openFolder() {
  const folder = await mkdtempDisposable(path.join(tmpdir(), 'login-file-'))
  const [target, link] = ['theirs.json', 'ours.json'].map((name) => path.join(folder.path, name)) as [string, string]
  const put = async (file: string, text: string, seconds: number) => {
    await writeFile(file, text, { mode: 0o644 })
    await utimes(file, seconds, seconds)
  }
  return { target, link, put, [Symbol.asyncDispose]: () => folder.remove() }
}

test('links the file of the user while there is one', async () => {
  await using folder = await openFolder()
  const { target, link, put } = folder
  await linkLogin(target, link)
  await expect(lstat(link)).rejects.toMatchObject({ code: 'ENOENT' })
  await put(target, 'tokens', 1)
  await Promise.all([linkLogin(target, link), linkLogin(target, link)])
  expect(await readlink(link)).toBe(target)
})

test('what an agent put in place of the link is the newer login of the user', async () => {
  await using folder = await openFolder()
  const { target, link, put } = folder
  await put(target, 'old tokens', 1)
  await put(link, 'new tokens', 2)
  await linkLogin(target, link)
  expect([await readlink(link), await readFile(target, 'utf8')]).toEqual([target, 'new tokens'])
  expect((await stat(target)).mode & 0o777).toBe(0o600)
})

test('a login that is older than that of the user, or whose user has none any more, is dropped', async () => {
  await using folder = await openFolder()
  const { target, link, put } = folder
  await put(target, 'new tokens', 2)
  await put(link, 'old tokens', 1)
  await linkLogin(target, link)
  expect(await readFile(link, 'utf8')).toBe('new tokens')
  await rm(link)
  await rm(target)
  await put(link, 'old tokens', 1)
  await linkLogin(target, link)
  await expect(lstat(link)).rejects.toMatchObject({ code: 'ENOENT' })
})
