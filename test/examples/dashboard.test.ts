import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createBench } from '../harness/daemon.ts'
import { root } from '../lifecycle/testing/host.ts'

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

/** Metric -> the labels that it has been seen with. */
function toLabels(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  for (const [, name = ''] of text.matchAll(/^# TYPE (\w+)/gm)) found.set(name, new Set())
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{([^}]*)\})? /gm)) {
    const metric = found.get(name) ?? found.get(name.replace(/_(bucket|sum|count)$/, ''))
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) metric?.add(label)
  }
  return found
}

test('the dashboard asks for what a daemon tells, and for all of it', { timeout: 60_000 }, async () => {
  const legs = [{ tools: [{ tool: 'shell' as const, command: 'true' }] }, { text: 'done' }]
  await using bench = await createBench({ scenarios: [{ name: 'run', prompt: 'run', legs }], args: ['--metrics'] })
  const { session_id } = await bench.client.createSession(bench.session())
  await bench.client.finish(await bench.client.startTask(session_id, 'run'))
  await bench.client.get('/status', { origin: 'https://evil.example' })
  const told = toLabels((await bench.client.get('/metrics')).text)

  const dashboard = JSON.parse(readFileSync(join(root, 'examples/grafana/dashboard.json'), 'utf8')) as Dashboard
  const asked = new Set<string>()
  for (const { title, targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const metrics = [...expr.matchAll(/codesdk_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
      expect(metrics, title).not.toEqual([])
      for (const name of metrics) {
        expect([...told.keys()], title).toContain(name)
        asked.add(name)
      }
      const by = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ') ?? []
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
      expect(by.filter((label) => label !== 'le').toSorted(), title).toEqual(shown.toSorted())
      // What has not happened has no labels yet.
      const seen = told.get(metrics[0] ?? '')
      if (seen !== undefined && seen.size > 0) expect([...seen, 'le'], `${title} ${expr}`).toEqual(expect.arrayContaining(by))
    }
  }
  expect([...told.keys()].filter((name) => !asked.has(name))).toEqual([])
})
