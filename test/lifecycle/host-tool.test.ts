import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import { gemini } from '../conformance/subjects/gemini.ts'
import { opencode } from '../conformance/subjects/opencode.ts'
import { createBench } from '../harness/daemon.ts'
import { root, run } from './testing/host.ts'

const legs = [
  { tools: [{ tool: 'mcp' as const, server: 'codesdkd', name: 'weather', input: { town: 'Jena' } }] },
  { text: 'Four degrees.' },
]

test('examples/host-tool.ts gives the same tool to every agent, and gets the same events', { timeout: 120_000 }, async () => {
  await using bench = await createBench({ scenarios: [{ name: 'weather', prompt: 'weather', legs }] })
  const heard: string[][] = []
  for (const { session } of [codex, claude, gemini, opencode]) {
    const body = session({ cwd: bench.folder.workspace, endpoint: bench.model.url })
    const args = [join(root, 'examples/host-tool.ts'), bench.client.url, JSON.stringify(body), 'weather']
    const { code, stdout, stderr } = await run(process.execPath, args)
    expect([code, stderr]).toEqual([0, ''])
    heard.push(stdout.split('\n').filter((line) => line.startsWith('tool.') || line.startsWith('task.')))
  }
  const same = [
    'task.started ',
    'tool.call.requested host',
    'tool.call.policy_evaluated ',
    'tool.call.approved ',
    'tool.call.started host',
    'tool.output.completed ',
    'tool.call.completed host',
    'task.completed ',
  ]
  expect(heard).toEqual([same, same, same, same])
  const told = bench.model.journal.entries.filter(({ body }) => JSON.stringify(body).replaceAll('\\', '').includes('{"degrees":4}'))
  expect(told.length).toBeGreaterThanOrEqual(4)
})
