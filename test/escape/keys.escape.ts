import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import { gemini } from '../conformance/subjects/gemini.ts'
import { opencode } from '../conformance/subjects/opencode.ts'
import { qwen } from '../conformance/subjects/qwen.ts'
import type { Subject } from '../conformance/subject.ts'
import { createFolder } from '../harness/workspace.ts'
import { createCanaries, createStem } from './keys/canary.ts'
import { hunt, type Catch } from './keys/hunt.ts'
import { Search } from './keys/search.ts'
import { ways } from './keys/ways.ts'

const subjects = [codex, claude, gemini, opencode, qwen]
const limit = 900_000
/** The user that nobody is. */
const nobody = 65_534

// Processes and their memory can be looked at like this on Linux alone.
describe.runIf(process.platform === 'linux')('no key is anywhere but with the daemon and at the endpoint', () => {
  test('what a search would find', async () => {
    const stem = createStem()
    const { mark } = createCanaries(stem)
    await using folder = await createFolder()
    const search = new Search(folder.path, { stem, marks: { key: mark } })
    await writeFile(join(folder.workspace, 'packed.gz'), gzipSync(`It is ${mark}.`))
    await search.tree(folder.path)
    // Its own arguments tell the mark backwards.
    const holder = `const mark = [...process.argv[1]].reverse().join('')
      const held = ['', 'a', 'ab'].map((before) => Buffer.from(before + mark).toString('base64'))
      const hex = Buffer.from(mark).toString('hex')
      const buffers = [mark, hex, hex.toUpperCase(), ...held].map((text) => Buffer.from(text))
      const wide = Buffer.from(mark, 'utf16le')
      process.stdout.write('ready', () => setInterval(() => [buffers, wide], 1_000_000))`
    const child = spawn(process.execPath, ['-e', holder, mark.split('').toReversed().join('')], { env: { NAME: `of ${mark}` } })
    try {
      await once(child.stdout, 'data')
      await search.process(child.pid ?? 0, 'it sits there', true)
    } finally {
      child.kill()
    }
    const found = search.sightings('key').map(({ form, where }) => `${form}: ${where}`)
    const forms = ['plain', 'utf16', 'hex', 'HEX', 'base64 (0)', 'base64 (1)', 'base64 (2)']
    expect(found.toSorted()).toEqual(
      [
        'plain: file workspace/packed.gz, unpacked',
        'plain: environment of node while it sits there',
        ...forms.map((form) => `${form}: memory of node while it sits there`),
      ].toSorted(),
    )
  })

  for (const subject of subjects) {
    test(`${subject.title}, behind a wall`, { timeout: limit }, async () => {
      const found = await hunt(subject, { walled: true })
      expectKept(found, subject)
      // Its HOME is not that of the user.
      expect(found.logins).toEqual([])
    })

    test(`${subject.title}, without a wall`, { timeout: limit }, async () => {
      const found = await hunt(subject, { walled: false })
      expectKept(found, subject)
      // Nothing keeps the agent from the file; but nothing else has it from there.
      expect(found.logins.filter(({ where }) => !where.startsWith('memory of '))).toEqual([])
    })
  }

  // Whoever is no root plays everything above as an ordinary user.
  test.runIf(process.getuid?.() === 0)('Codex, behind a wall, under an ordinary user', { timeout: limit }, async () => {
    const found = await hunt(codex, { walled: true, user: nobody })
    expectKept(found, codex)
    expect(found.logins).toEqual([])
  })
})

function expectKept(found: Catch, subject: Subject): void {
  expect(found.keys).toEqual([])
  expect(found.loginKept).toBe(true)
  expect(found.headers).toEqual([])
  expectPlayed(found, subject)
  // The endpoints got them, and nobody's call went without: they are missed because they are nowhere else.
  expect(found.carried).toEqual(new Set(ways))
  expect([...found.shown]).toEqual([expect.stringMatching(/^Bearer sk-\w+-mcp/)])
  expect(found.kept).toEqual({ stored: new Set(['stored']), given: new Set(['given', 'mcp']) })
  // What stands for them is found by the same search, so it would have found them too.
  const places = found.placeholders.map(({ where }) => where)
  for (const way of ways)
    for (const moment of ['its command runs', 'it is idle after a restart'])
      expect(places).toContainEqual(expect.stringMatching(new RegExp(`^memory of .* while ${moment} \\(${way}\\)$`)))
  expect(found.looked.bytes).toBeGreaterThan(100_000_000)
}

/** Everything was really played. */
function expectPlayed({ ends, verified }: Catch, { capabilities }: Subject): void {
  const completed = ['answer', 'look', 'edit', 'note', 'after']
  const played = {
    ...Object.fromEntries(completed.map((prompt) => [prompt, 'task.completed'])),
    ...(capabilities.supports_attachments ? { picture: 'task.completed' } : {}),
    ...(capabilities.supports_questions ? { consult: 'task.completed' } : {}),
    talk: 'task.stopped',
    wait: 'task.failed agent_exited',
  }
  for (const way of ways) expect(ends[way]).toEqual({ ...played, [`refused-${way}`]: 'task.failed auth_required' })
  expect(verified).toBe(200)
}
