import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, run } from '../lifecycle/testing/host.ts'

test('examples/ci-bot.ts lets an agent work in a repository, and tells what came of it as Markdown', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'codesdkd-bot-'))
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  await writeFile(join(folder, 'greet.js'), "console.log('Helo')\n")
  const { code, stdout, stderr } = await run(process.execPath, [
    join(root, 'examples/ci-bot.ts'),
    'Fix the failing test',
    folder,
    '--offline',
    '--data-dir',
    join(folder, '.state'),
  ])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^## Fix the failing test: completed\n\n```text\n[^`]/)
  expect(stdout).toContain('### Commands\n\n- `` ')
  expect(stdout).toMatch(/### Numbers\n\n- \d+ calls approved, \d+ denied\n- \d+ tokens in, \d+ out\n/)
})
