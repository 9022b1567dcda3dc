import assert from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import { version } from '../../packages/daemon/src/version.ts'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { root, run } from '../lifecycle/testing/host.ts'

/** Kilobytes that a packed package may have: one that brings along what it need not shows here. The daemon holds what it loads of others. */
const packages = { codesdkd: 1400, 'codesdkd-protocol': 60, 'codesdkd-client': 60, 'codesdkd-inspector': 200, 'codesdkd-offline-model': 80 }
const names = Object.keys(packages)
/** The next Node, beside the one that the tests run on. */
const nextNode = '26.10.0'

let folder: TestFolder
let installed = ''
const tarball = (name: string) => join(folder.path, `${name}-${version}.tgz`)

beforeAll(async () => {
  folder = await createFolder()
  installed = join(folder.path, 'empty')
  const packed = await run(process.execPath, [join(root, 'scripts/pack.ts'), folder.path], { limitMs: 200_000 })
  assert.equal(packed.code, 0, packed.stderr)
  assert.match(packed.stdout, /^codesdkd-client-.*\.tgz \d+ kB packed, \d+ kB unpacked$/m)
  await mkdir(installed)
  await writeFile(join(installed, 'package.json'), '{ "private": true, "type": "module" }')
  const args = ['install', '--prefix', installed, '--omit=dev', '--no-audit', '--no-fund']
  const done = await run('npm', [...args, ...names.map(tarball), `node-${process.platform}-${process.arch}@${nextNode}`], {
    limitMs: 240_000,
  })
  assert.equal(done.code, 0, done.stderr)
}, 480_000)
afterAll(() => folder[Symbol.asyncDispose]())

test.each(Object.entries(packages))('%s: well formed, and at most %s kB', async (name, most) => {
  const bytes = await readFile(tarball(name))
  const { messages } = await publint({ pack: { tarball: new Uint8Array(bytes).buffer }, level: 'warning', strict: true })
  expect(messages).toEqual([])
  expect((await stat(tarball(name))).size / 1024).toBeLessThan(most)
})

test('the daemon brings the licenses of what is bundled with it', async () => {
  const notices = await readFile(join(installed, 'node_modules/codesdkd/THIRD-PARTY.txt'), 'utf8')
  for (const name of ['zod', 'pino', '@modelcontextprotocol/server', '@secretlint/core'])
    expect(notices).toMatch(new RegExp(String.raw`^${name} \d\S* \((?:MIT|Apache-2\.0)\)$`, 'm'))
  expect(notices).toContain('Permission is hereby granted')
})

test.each(['codesdkd-protocol', 'codesdkd-client', 'codesdkd-offline-model'])('%s: its types are those of its code', async (name) => {
  const result = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball(name)))))
  expect(result.types).toBeTruthy()
  // Everything here is an ES module; whoever requires one gets it as Node gives it.
  const problems = 'problems' in result ? result.problems.filter(({ kind }) => kind !== 'CJSResolvesToESM') : []
  // The two resolutions of old know no `exports`.
  expect(problems.filter((problem) => !('resolutionKind' in problem && problem.resolutionKind === 'node10'))).toEqual([])
})

describe.each([
  ['this Node', () => process.execPath],
  [`Node ${nextNode}`, () => join(installed, `node_modules/node-${process.platform}-${process.arch}/bin/node`)],
])('in an empty folder, on %s', (_name, findNode) => {
  test('the daemon, its client and its page', { timeout: 60_000 }, async () => {
    const host = `import { startDaemon } from '@codesdkd/client/node'
      await using daemon = await startDaemon({ dataDir: process.argv[2], args: ['--offline'] })
      const { client } = daemon
      const { runtimes } = await client.listRuntimes()
      const page = await client.getInspector()
      const failed = await client.createSession({ runtime: 'codex' }).then(
        async ({ session_id }) => (await client.runTask({ sessionId: session_id, messages: 'hello' })).error?.code,
        (error) => error.code,
      )
      console.log(JSON.stringify({ runtimes: runtimes.length, page: page.includes('inspector/'), failed }))`
    await writeFile(join(installed, 'host.mjs'), host)
    const state = join(folder.path, `state-${_name}`)
    const done = await run('env', ['-C', installed, 'PATH=/usr/bin:/bin', findNode(), 'host.mjs', state])
    expect(done, done.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(done.stdout)).toEqual({ runtimes: 4, page: true, failed: 'agent_not_installed' })
  })
})

test('the types of the client are found there', { timeout: 60_000 }, async () => {
  const consumer = `import { createClient, type Client } from '@codesdkd/client'
    import { startDaemon } from '@codesdkd/client/node'
    import { evolve, type SessionState } from '@codesdkd/protocol'
    export const client: Client = createClient({ url: 'http://127.0.0.1:1' })
    export const state: SessionState | null = null
    export { evolve, startDaemon }
    // @ts-expect-error there is no such operation
    void client.nothing`
  await writeFile(join(installed, 'consumer.ts'), consumer)
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--types',
    'node',
    '--typeRoots',
    join(root, 'node_modules/@types'),
  ]
  expect(await run(join(root, 'node_modules/.bin/tsc'), [...options, join(installed, 'consumer.ts')])).toMatchObject({
    code: 0,
    stdout: '',
  })
})

test('a release gives all packages one version, and what they need of each other too', { timeout: 60_000 }, async () => {
  const copy = join(folder.path, 'release')
  await run('git', ['clone', '--quiet', '--depth', '1', `file://${root}`, copy])
  await writeFile(join(copy, '.changeset/something.md'), '---\n"@codesdkd/protocol": minor\n---\n\nSomething.\n')
  const done = await run('env', ['-C', copy, join(root, 'node_modules/.bin/changeset'), 'version'])
  expect(done, done.stderr).toMatchObject({ code: 0 })
  const manifests = await Promise.all(
    ['protocol', 'client', 'inspector', 'offline-model', 'daemon'].map(
      async (name) => JSON.parse(await readFile(join(copy, 'packages', name, 'package.json'), 'utf8')) as Record<string, unknown>,
    ),
  )
  const [major, minor] = version.split('.').map(Number)
  const next = `${major}.${(minor ?? 0) + 1}.0`
  expect(manifests.map((manifest) => manifest['version'])).toEqual(manifests.map(() => next))
  const needed = manifests.flatMap((manifest) => Object.entries((manifest['dependencies'] ?? {}) as Record<string, string>))
  expect(needed.filter(([name, wanted]) => name.startsWith('@codesdkd/') && wanted !== next)).toEqual([])
})
