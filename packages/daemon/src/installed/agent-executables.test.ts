import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAgentExecutables, toInstallDirectory } from './agent-executables.ts'
import { runtimes as supported } from '../runtimes/index.ts'

const name = 'codex-sdk'
let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'codesdkd-executables-')))
})
afterEach(() => rmSync(folder, { recursive: true }))

function program(...path: readonly string[]): string {
  const file = join(folder, ...path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o700 })
  return file
}

/** Puts packages of Codex where `codesdkd agents install` does. */
function install(dataDir: string): string {
  const packages = join('agents', name, 'node_modules', '@openai')
  const platform = `codex-${process.platform}-${process.arch}`
  for (const one of ['codex', platform]) {
    mkdirSync(join(dataDir, packages, one), { recursive: true })
    writeFileSync(join(dataDir, packages, one, 'package.json'), '{}')
  }
  return join(packages, platform, 'vendor', 'some-triple', 'bin', 'codex')
}

const find = (dataDir: string, configured: Record<string, string> = {}, searchPath = '') =>
  createAgentExecutables({ supported, configured: new Map(Object.entries(configured)), dataDir, searchPath }).find(name)

test('the executable that was named is configured, also where another one is installed', async () => {
  const named = program('bin', 'my-codex')
  program('data', install(join(folder, 'data')))
  expect(await find(join(folder, 'data'), { [name]: named })).toEqual({ path: named, source: 'configured' })
  expect(await find(join(folder, 'data'), { [name]: join(folder, 'nowhere') })).toBeNull()
})

test('what the command installed is known as such, also through a link to the data directory', async () => {
  const path = program('data', install(join(folder, 'data')))
  symlinkSync(join(folder, 'data'), join(folder, 'link'))
  expect(await find(join(folder, 'data'))).toEqual({ path, source: 'installed' })
  expect(await find(join(folder, 'link'))).toEqual({ path, source: 'installed' })
})

test('what came beside the daemon is packaged', async () => {
  expect(await find(join(folder, 'data'), {}, folder)).toMatchObject({ source: 'packaged' })
})

test('what is on the PATH is known as such, and an unknown runtime has none', async () => {
  const path = program('bin', 'codex')
  const agents = new Map([...supported].map(([key, one]) => [key, { ...one, findExecutable: () => Promise.resolve(path) }]))
  const executables = createAgentExecutables({
    supported: agents,
    configured: new Map(),
    dataDir: folder,
    searchPath: `/usr/bin:${join(folder, 'bin')}`,
  })
  expect(await executables.find(name)).toEqual({ path, source: 'path' })
  expect(await executables.find('nobody')).toBeNull()
  expect(toInstallDirectory('/data', 'x')).toBe('/data/agents/x')
})
