import { expect, test } from 'vitest'
import { toCall } from './calls.ts'

const search = (name: string, input: Readonly<Record<string, unknown>>) => toCall({ type: 'tool_use', id: 'c', name, input }, '/place')

test.each([
  ['Glob', { pattern: '**/*.ts' }, '/place'],
  ['Glob', { pattern: '*.ts', path: 'part' }, '/place/part'],
  ['Grep', { pattern: '/etc/passwd', glob: '*.ts' }, '/place'],
] as const)('%s with %j looks in a place that is known', (name, input, path) => {
  expect(search(name, input).locations).toEqual([{ path }])
})

test.each([
  ['Glob', { pattern: '/etc/*' }],
  ['Glob', { pattern: 'part/../../*', path: 'part' }],
  ['Glob', { pattern: '~/*' }],
  ['Grep', { pattern: 'x', glob: '../*' }],
] as const)('%s with %j looks nowhere in particular', (name, input) => {
  expect(search(name, input).locations).toBeUndefined()
})
