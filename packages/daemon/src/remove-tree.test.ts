import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeTree } from './remove-tree.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'codesdkd-tree-'))
  mkdirSync(join(root, 'other'))
  writeFileSync(join(root, 'other', 'file'), 'of others')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('a tree is removed with links in it, not what they lead to', async () => {
  mkdirSync(join(root, 'a', 'b', 'c'), { recursive: true })
  for (const name of ['link', 'c/link']) symlinkSync(join(root, 'other'), join(root, 'a', 'b', name))
  await removeTree(root, 'a', 'b')
  expect([existsSync(join(root, 'a', 'b')), existsSync(join(root, 'a')), existsSync(join(root, 'other', 'file'))]).toEqual([
    false,
    true,
    true,
  ])
})

test('a link in its place is removed itself', async () => {
  mkdirSync(join(root, 'a'))
  symlinkSync(join(root, 'other'), join(root, 'a', 'b'))
  await removeTree(root, 'a', 'b')
  expect([existsSync(join(root, 'a', 'b')), existsSync(join(root, 'other', 'file'))]).toEqual([false, true])
})

test('a link on the way is not followed', async () => {
  symlinkSync(join(root, 'other'), join(root, 'a'))
  await expect(removeTree(root, 'a', 'file')).rejects.toThrow('no directory')
  expect(existsSync(join(root, 'other', 'file'))).toBe(true)
})

test('directories without leave to write go too', async () => {
  const locked = join(root, 'a', 'cache', 'module')
  mkdirSync(locked, { recursive: true })
  writeFileSync(join(locked, 'file'), '')
  chmodSync(locked, 0o555)
  chmodSync(join(root, 'a', 'cache'), 0)
  await removeTree(root, 'a')
  expect(existsSync(join(root, 'a'))).toBe(false)
})

test('what is not there needs no removal', async () => {
  await removeTree(root, 'a', 'b')
  await removeTree(root, 'a')
})
