import { readFileSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFolder } from '../harness/workspace.ts'
import { codesdkd, executable, host, root, run, urlOf } from './testing/host.ts'

/** Told before anything is loaded, as an old Node tells it. */
const asOldNode = (file: string) => [
  '--input-type=module',
  '--eval',
  `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } }); await import(${JSON.stringify(file)})`,
]

describe('the ready line', () => {
  test('is all there is on stdout, and what follows it succeeds at once; 20 times', { timeout: 60_000 }, async () => {
    await using folder = await createFolder()
    const start = async (index: number) => {
      await using daemon = host(['--data-dir', join(folder.path, `state-${index}`), '--port', '0'])
      const answer = await fetch(`${urlOf(await daemon.ready)}/readyz`)
      expect(answer.status).toBe(200)
      daemon.child.kill('SIGTERM')
      expect(await daemon.ended).toBe(0)
      expect(daemon.output.stdout).toMatch(/^\{"url":"http:\/\/127\.0\.0\.1:\d+"\}\n$/)
      const lines = daemon.output.stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { msg: string; kind?: string })
      // What the owner should know depends on the machine.
      expect(lines.flatMap(({ msg, kind }) => (kind === undefined ? [msg] : []))).toEqual(['ready', 'shutting down'])
    }
    for (let index = 0; index < 20; index += 4) await Promise.all([0, 1, 2, 3].map((step) => start(index + step)))
  })
})

describe.concurrent('the command', () => {
  test('is linked to the working tree', async () => {
    expect(realpathSync(join(root, 'node_modules/.bin/codesdkd'))).toBe(realpathSync(executable))
    const { version } = JSON.parse(readFileSync(join(root, 'packages/daemon/package.json'), 'utf8')) as { version: string }
    expect(await run('npx', ['codesdkd', '--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
  })

  test('--version and --help write to stdout alone', async () => {
    expect(await codesdkd(['--version'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    })
    expect(await codesdkd(['--help', '--port', '1'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^usage: codesdkd [^]*--data-dir <dir>[^]*flag wins/) as string,
    })
  })
})

const old = await findOldNode()

describe.concurrent('a Node that is too old', () => {
  test('is told in one line how to mend it, with exit code 2', async () => {
    const ended = await run(process.execPath, asOldNode(executable))
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^codesdkd needs Node 24 or newer, this is v[\d.]+: run it as `npx codesdkd` [^\n]*\n$/)
  })

  test('stops every script of the repository before it does anything', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    for (const name of ['demo', 'test', 'conformance', 'check']) expect(scripts[name]).toMatch(/^node scripts\/check-node\.mjs && /)
    const ended = await run(process.execPath, asOldNode(join(root, 'scripts/check-node.mjs')))
    expect(ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^This needs Node 24 or newer, [^\n]* Mend it with: npm rebuild node --foreground-scripts\n$/,
      ) as string,
    })
  })

  test.runIf(old !== null)('for real: the one of this machine', async () => {
    for (const [file, code] of [
      [executable, 2],
      [join(root, 'scripts/check-node.mjs'), 1],
    ] as const) {
      const ended = await run(old ?? '', [file])
      expect(ended).toMatchObject({ code, stdout: '' })
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })
})

/** A Node from 12 to 23 on the PATH, or where systems install theirs. */
async function findOldNode(): Promise<string | null> {
  const candidates = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'].map((directory) =>
    join(directory, 'node'),
  )
  for (const candidate of new Set(candidates)) {
    const { stdout } = await run(candidate, ['--version'])
    const major = Number(/^v(\d+)/.exec(stdout)?.[1])
    if (major >= 12 && major < 24) return candidate
  }
  return null
}
