import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkCwd } from './cwd.ts'

let folder: string
const at = (...parts: readonly string[]) => join(folder, ...parts)
const open = () => ({ roots: [], dataDir: at('state') })
const rooted = () => ({ roots: [at('root'), at('second')], dataDir: at('state') })

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-cwd-')))
  for (const name of ['root/project', 'root/state', 'rootx', 'second', 'outside', 'state/namespaces'])
    mkdirSync(at(name), { recursive: true })
  writeFileSync(at('root/file'), '')
  symlinkSync(at('outside'), at('root/out'))
  symlinkSync(at('root/project'), at('way-in'))
  symlinkSync(at('state'), at('root/data'))
  symlinkSync(at('root'), at('root-link'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('without workspace roots', () => {
  test('any existing directory is a working directory, by its real path', async () => {
    expect(await checkCwd(at('outside'), open())).toBe(at('outside'))
    expect(await checkCwd(at('way-in'), open())).toBe(at('root/project'))
    expect(await checkCwd(`${at('root')}/../outside/.`, open())).toBe(at('outside'))
    expect(await checkCwd('/', open())).toBe('/')
  })

  test.each(['', '.', 'root', '~', '~/x', '\0', '/tmp\0', '/tmp\n', '/tmp\u001b[2J'])('%j is no absolute path', async (cwd) => {
    await expect(checkCwd(cwd, open())).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('what is not there, or is no directory, is not accepted', async () => {
    await expect(checkCwd(at('nowhere'), open())).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(checkCwd(at('root/file'), open())).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(checkCwd(`/${'x'.repeat(4095)}`, open())).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test("the data directory and the system's own file systems are not allowed, whatever the way there", async () => {
    for (const cwd of [at('state'), at('state/namespaces'), at('root/data'), '/proc', '/proc/self', '/sys', '/dev', '/dev/shm']) {
      await expect(checkCwd(cwd, open()), cwd).rejects.toMatchObject({ code: 'cwd_not_allowed' })
    }
  })
})

describe('with workspace roots', () => {
  test('what really is in one of them is allowed', async () => {
    expect(await checkCwd(at('root'), rooted())).toBe(at('root'))
    expect(await checkCwd(at('way-in'), rooted())).toBe(at('root/project'))
    expect(await checkCwd(at('second'), rooted())).toBe(at('second'))
    expect(await checkCwd(at('root/project'), { ...rooted(), roots: [at('root-link')] })).toBe(at('root/project'))
  })

  test('what leads out of them is not', async () => {
    for (const cwd of ['/', folder, at('rootx'), at('outside'), `${at('root')}/../outside`, at('root/out'), at('root/data')]) {
      await expect(checkCwd(cwd, rooted()), cwd).rejects.toMatchObject({ code: 'cwd_not_allowed' })
    }
  })

  test('nobody learns what exists outside', async () => {
    const there = await checkCwd(at('outside'), rooted()).catch((error: unknown) => error)
    const absent = await checkCwd(at('nowhere'), rooted()).catch((error: unknown) => error)
    expect(absent).toEqual(there)
    await expect(checkCwd(at('root/nowhere'), rooted())).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
