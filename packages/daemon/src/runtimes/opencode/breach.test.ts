import type { ToolKind } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import type { Observation } from '../../core/task-host.ts'
import { createBreachWatch } from './breach.ts'
import { notice } from '../observation.ts'

const unasked = (id: string, kind: ToolKind): Observation => ({
  kind: 'call.unasked',
  call: { id, name: 'bash', kind, title: 'touch one', input: { command: 'touch one' } },
  rule: 'opencode:unasked',
})
const completed = (id: string, isError: boolean): Observation => ({
  kind: 'call.completed',
  id,
  result: { output: '', isError, durationMs: null, executionEnv: 'host' },
})

test.each([
  ['a command that ran unasked is seen', [unasked('a', 'execute'), completed('a', false)], true],
  ['so is a change', [unasked('a', 'edit'), completed('b', true), completed('a', false)], true],
  ['so is a tool of an MCP server', [unasked('a', 'other'), completed('a', false)], true],
  ['one that failed may have failed before its question', [unasked('a', 'execute'), completed('a', true)], false],
  ['one that was asked is in order', [completed('a', false)], false],
  ['one that was denied is not', [notice('warning', 'acp.call.denied_completed', 'It ran.')], true],
  ['another notice is none', [notice('warning', 'acp.call.unnamed', 'Hm.')], false],
  ['and so is one without effects', [unasked('a', 'think'), completed('a', false)], false],
] as const)('%s', (_, observations, breach) => {
  const watch = createBreachWatch()
  expect(observations.map((one) => watch.sees([one])).includes(true)).toBe(breach)
  expect(createBreachWatch().sees(observations)).toBe(breach)
})
