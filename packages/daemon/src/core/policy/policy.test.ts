import { normalize } from 'node:path'
import { confinement as confinements, permissionMode, toolKind, type Confinement, type ToolCall, type ToolKind } from '@codesdkd/protocol'
import { describe, expect, it } from 'vitest'
import {
  evaluatePolicy,
  gatherFacts,
  toCommand,
  toPlaces,
  type JudgedCall,
  type PolicyContext,
  type PolicyFacts,
  type Verdict,
} from './policy.ts'
import { sampleRecord } from '../testing/record.ts'
import { toNetworkCall } from '../network-answers.ts'
import type { Workspace } from '../ports.ts'

const call = (kind: ToolKind, more: Partial<ToolCall> = {}): ToolCall => ({ name: 'tool', kind, title: 'title', input: {}, ...more })
const inside: PolicyFacts = { readsOnly: false, insideWorkspace: true }
const outside: PolicyFacts = { readsOnly: false, insideWorkspace: false }
const reader: PolicyFacts = { readsOnly: true, insideWorkspace: true }

/** Every situation that a call can be in. */
const contexts: readonly PolicyContext[] = permissionMode.options.flatMap((mode) =>
  (['deny', 'ask'] as const).flatMap((escalation) =>
    confinements.options.flatMap((confinement) =>
      [false, true].flatMap((wall) =>
        [inside, outside, reader, { readsOnly: true, insideWorkspace: false }].map((facts) => ({
          mode,
          escalation,
          confinement,
          wall,
          facts,
        })),
      ),
    ),
  ),
)
/** Everything that an agent can ask of the policy. */
const questions = contexts.flatMap((context) =>
  toolKind.options.flatMap((kind) => [false, true].map((escalated) => ({ call: call(kind, { escalated }), context }))),
)

const verdictsOf = (select: (question: (typeof questions)[number]) => boolean): readonly Verdict[] => {
  const selected = questions.filter(select)
  expect(selected.length).toBeGreaterThan(0)
  return selected.map((question) => evaluatePolicy(question.call, question.context))
}

describe('yolo', () => {
  it('allows everything that an agent can ask', () => {
    const verdicts = verdictsOf(({ context }) => context.mode === 'yolo')
    expect(new Set(verdicts.map((verdict) => JSON.stringify(verdict)))).toEqual(new Set(['{"result":"allow","rule":"yolo"}']))
  })
})

describe('ask', () => {
  it('allows what only reads, and nothing else', () => {
    for (const { call: asked, context } of questions.filter((question) => question.context.mode === 'ask')) {
      const verdict = evaluatePolicy(asked, context)
      const rule = asked.escalated === true ? 'ask_escalation' : context.facts.readsOnly ? 'read_only' : 'ask_effects'
      expect(verdict).toMatchObject({ result: rule === 'read_only' ? 'allow' : 'ask', rule })
    }
  })
})

describe('auto', () => {
  it('never asks, unless the session says so', () => {
    const results = (escalation: 'deny' | 'ask') =>
      new Set(verdictsOf(({ context }) => context.mode === 'auto' && context.escalation === escalation).map(({ result }) => result))
    expect(results('deny')).toEqual(new Set(['allow', 'deny']))
    expect(results('ask')).toEqual(new Set(['allow', 'ask']))
  })

  it('asks exactly what it would deny, and says the same', () => {
    for (const { call: asked, context } of questions.filter((question) => question.context.mode === 'auto')) {
      const denying = evaluatePolicy(asked, { ...context, escalation: 'deny' })
      const asking = evaluatePolicy(asked, { ...context, escalation: 'ask' })
      expect(asking).toEqual(denying.result === 'deny' ? { result: 'ask', rule: 'ask_escalation', reason: denying.reason } : denying)
    }
  })

  it('denies every escalation with a reason that can be acted on', () => {
    const verdicts = verdictsOf(
      ({ call: asked, context }) => asked.escalated === true && context.mode === 'auto' && context.escalation === 'deny',
    )
    for (const verdict of verdicts)
      expect(verdict).toEqual({
        result: 'deny',
        rule: 'escalation_denied',
        reason: expect.stringContaining('inside the workspace') as string,
      })
  })

  const table: readonly (readonly [Confinement | 'wall', ToolKind, insideRule: string, outsideRule: string])[] = [
    ...(['read', 'search', 'think', 'execute', 'fetch', 'other'] as const).map(
      (kind) => ['wall', kind, 'inside_confinement', 'inside_confinement'] as const,
    ),
    ...(['edit', 'delete', 'move'] as const).map((kind) => ['wall', kind, 'inside_confinement', 'outside_workspace'] as const),
    ['sandbox', 'read', 'inside_confinement', 'inside_confinement'],
    ['sandbox', 'search', 'inside_confinement', 'inside_confinement'],
    ['sandbox', 'think', 'inside_confinement', 'inside_confinement'],
    ['sandbox', 'execute', 'inside_confinement', 'inside_confinement'],
    ['sandbox', 'edit', 'inside_confinement', 'outside_workspace'],
    ['sandbox', 'delete', 'inside_confinement', 'outside_workspace'],
    ['sandbox', 'move', 'inside_confinement', 'outside_workspace'],
    ['sandbox', 'fetch', 'network_denied', 'network_denied'],
    ['sandbox', 'other', 'outside_confinement', 'outside_confinement'],
    ['tool_paths', 'read', 'inside_confinement', 'outside_workspace'],
    ['tool_paths', 'search', 'inside_confinement', 'outside_workspace'],
    ['tool_paths', 'edit', 'inside_confinement', 'outside_workspace'],
    ['tool_paths', 'delete', 'inside_confinement', 'outside_workspace'],
    ['tool_paths', 'move', 'inside_confinement', 'outside_workspace'],
    ...(['execute', 'fetch', 'think', 'other'] as const).map((kind) => ['tool_paths', kind, 'unconfined', 'unconfined'] as const),
    ...toolKind.options.map((kind) => ['none', kind, 'unconfined', 'unconfined'] as const),
  ]

  it('is decided for every kind under every confinement', () => {
    expect(new Set(table.map(([confinement, kind]) => `${confinement} ${kind}`)).size).toBe(
      (confinements.options.length + 1) * toolKind.options.length,
    )
  })

  it.each(table)('under %s: %s', (confinement, kind, insideRule, outsideRule) => {
    const held = confinement === 'wall' ? ({ confinement: 'sandbox', wall: true } as const) : ({ confinement, wall: false } as const)
    const rule = (facts: PolicyFacts) => evaluatePolicy(call(kind), { mode: 'auto', escalation: 'deny', ...held, facts })
    const allows = (name: string) => name === 'inside_confinement' || name === 'unconfined'
    expect(rule(inside)).toMatchObject({ result: allows(insideRule) ? 'allow' : 'deny', rule: insideRule })
    expect(rule(outside)).toMatchObject({ result: allows(outsideRule) ? 'allow' : 'deny', rule: outsideRule })
  })

  it.each([
    ['an edit outside', call('edit'), 'writable_roots'],
    ['an escalation', call('execute', { escalated: true }), 'writable_roots and network.allow'],
  ])('tells what opens the wall for %s', (_what, asked, opens) => {
    const { reason } = evaluatePolicy(asked, { mode: 'auto', escalation: 'deny', confinement: 'sandbox', wall: true, facts: outside })
    expect(reason).toContain(opens)
  })

  it('does not mind, behind the wall, what else confines the agent', () => {
    for (const { call: asked, context } of questions.filter((question) => question.context.wall && question.context.mode === 'auto')) {
      expect(evaluatePolicy(asked, context)).toEqual(evaluatePolicy(asked, { ...context, confinement: 'none' }))
    }
  })
})

describe('a connection that the gate asks about', () => {
  const asked: JudgedCall = toNetworkCall('gate-1', { host: 'example.com', port: 443 })

  it.each([
    ['auto', 'deny', 'deny', 'network_denied'],
    ['auto', 'ask', 'ask', 'ask_escalation'],
    ['ask', 'deny', 'ask', 'ask_effects'],
    ['ask', 'ask', 'ask', 'ask_effects'],
    ['yolo', 'deny', 'deny', 'network_denied'],
    ['yolo', 'ask', 'deny', 'network_denied'],
  ] as const)('in %s with escalation %s: %s', (mode, escalation, result, rule) => {
    for (const context of contexts.filter((one) => one.mode === mode && one.escalation === escalation)) {
      expect(evaluatePolicy(asked, context)).toMatchObject({ result, rule })
    }
  })

  it('is denied with what can be done', () => {
    const [context] = contexts.filter(({ mode }) => mode === 'yolo')
    expect(context && evaluatePolicy(asked, context).reason).toContain('network.allow')
  })

  it('is nothing that a tool of the agent can pretend', () => {
    const { gate: _gate, ...tool } = asked
    for (const context of contexts) {
      const plain = evaluatePolicy(call('fetch'), context)
      expect(evaluatePolicy(tool, context)).toEqual(plain)
    }
  })
})

/** A file system in which `/ws/link` leads out and nothing under `/unknown` can be told. */
const workspace: Workspace = {
  realPath: (path) => Promise.resolve(path.startsWith('/unknown') ? null : normalize(path.replace('/ws/link', '/elsewhere/deep'))),
  gitRunsPrograms: () => Promise.resolve(false),
  gitDirectories: () => Promise.resolve(['/ws', '/ws/.git']),
}

const ws = { cwd: '/ws', writableRoots: [] }

describe('gatherFacts', () => {
  it.each([
    ['a read inside', call('read', { locations: [{ path: 'a' }, { path: '/ws/b' }] }), reader],
    ['a read of the workspace itself', call('search', { locations: [{ path: '/ws' }] }), reader],
    ['a read that says nowhere', call('read'), outside],
    ['a read of one place inside and one outside', call('read', { locations: [{ path: 'a' }, { path: '/etc/passwd' }] }), outside],
    ['a read through a link', call('read', { locations: [{ path: 'link/x' }] }), outside],
    ['a read of a neighbour with the same beginning', call('read', { locations: [{ path: '/ws2/a' }] }), outside],
    ['an edit inside', call('edit', { locations: [{ path: 'a' }] }), inside],
    ['an edit above', call('edit', { locations: [{ path: '../a' }] }), outside],
    ['a reader', call('execute', { input: { command: 'ls src', cwd: '/ws' } }), { readsOnly: true, insideWorkspace: false }],
    [
      'a reader in a directory below',
      call('execute', { input: { command: 'cat ../a', workdir: 'sub' } }),
      { readsOnly: true, insideWorkspace: false },
    ],
    ['a reader of what is above', call('execute', { input: { command: 'cat ../a' } }), outside],
    ['a read whose two readings differ', call('read', { locations: [{ path: 'link/../ws/a' }] }), outside],
    ['a reader elsewhere', call('execute', { input: { command: 'ls', cwd: '/etc' } }), outside],
    ['a writer', call('execute', { input: { command: 'touch a' } }), outside],
    ['a command that is no text', call('execute', { input: { command: ['ls'] } }), outside],
    ['a fetch', call('fetch', { input: { command: 'ls' } }), outside],
    ['another tool with a command', call('other', { input: { command: 'ls' }, locations: [{ path: 'a' }] }), inside],
  ])('%s', async (_what, asked, facts) => expect(await gatherFacts(asked, 'ask', ws, workspace)).toEqual(facts))

  it('holds everything against a call in a directory of which nothing can be told', async () => {
    expect(await gatherFacts(call('execute', { input: 'ls' }), 'ask', { ...ws, cwd: '/unknown' }, workspace)).toEqual(outside)
  })

  it.each([
    ['an edit in it', call('edit', { locations: [{ path: '/root-a/x' }] }), inside],
    ['an edit of one place in it and one in the workspace', call('edit', { locations: [{ path: '/root-a/x' }, { path: 'b' }] }), inside],
    ['an edit of a neighbour with the same beginning', call('edit', { locations: [{ path: '/root-ab/x' }] }), outside],
    ['an edit that leads out of it', call('edit', { locations: [{ path: '/root-a/../etc/x' }] }), outside],
    ['a read in it, which is no read of the workspace', call('read', { locations: [{ path: '/root-a/x' }] }), inside],
    ['a reader in it', call('execute', { input: { command: 'cat /root-a/x' } }), outside],
  ])('with a writable root: %s', async (_what, asked, facts) => {
    expect(await gatherFacts(asked, 'ask', { cwd: '/ws', writableRoots: ['/root-a', '/root-b'] }, workspace)).toEqual(facts)
  })
})

describe('toPlaces', () => {
  const sandbox = { mode: 'auto', walled: true, writableRoots: ['/a'], readableRoots: ['/b'], networkAllow: [] } as const

  it.each([
    [true, ['/a']],
    [false, []],
  ])('knows writable roots only behind a wall (%j)', (walled, writableRoots) => {
    expect(toPlaces(sampleRecord('s', { cwd: '/ws', sandbox: { ...sandbox, walled } }))).toEqual({ cwd: '/ws', writableRoots })
  })
})

describe('toCommand', () => {
  it.each([
    ['ls', { line: 'ls', cwd: '.' }],
    [{ command: 'ls' }, { line: 'ls', cwd: '.' }],
    [
      { command: 'ls', cwd: '/a' },
      { line: 'ls', cwd: '/a' },
    ],
    [
      { command: 'ls', description: 'lists', timeout: 5, workdir: null },
      { line: 'ls', cwd: '.' },
    ],
    [{ command: 'ls', interactive: false }, null],
    [{ command: 'ls', cwd: '/a', workdir: '/b' }, null],
    [{ command: 'ls', shell: '/tmp/sh' }, null],
    [{ command: ['ls'] }, null],
    [{ cwd: '/a' }, null],
    [['ls'], null],
    [null, null],
    [undefined, null],
    [7, null],
  ])('%j', (input, command) => expect(toCommand(input)).toEqual(command))

  it.each(['background', 'is_background', 'run_in_background'])('%s: only false is as if it were not there', (field) => {
    const commands = [false, true, 'false'].map((value) => toCommand({ command: 'ls', [field]: value }))
    expect(commands).toEqual([{ line: 'ls', cwd: '.' }, null, null])
  })
})
