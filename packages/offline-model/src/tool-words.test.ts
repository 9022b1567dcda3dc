import { expect, test } from 'vitest'
import { agentTools } from './agent-tools.ts'
import type { AgentName } from './agent-tools.ts'
import type { NativeCall } from './native-call.ts'
import { toNativeCall } from './tool-words.ts'
import type { Tool } from './scenario.ts'

const cwd = '/place'
const say = (agent: AgentName, tool: Tool): NativeCall => toNativeCall(tool, { tools: agentTools[agent].names, cwd }, 'codex')
/** As it travels: what is undefined is not sent. */
const sent = (agent: AgentName, tool: Tool): unknown => {
  const { namespace, name, input } = say(agent, tool)
  return [namespace === undefined ? name : `${namespace}/${name}`, JSON.parse(JSON.stringify(input))]
}
const everyone = (tool: Tool): unknown => Object.fromEntries(agents.map((agent) => [agent, sent(agent, tool)]))
const agents = ['codex', 'claude', 'gemini', 'qwen', 'opencode'] as const

test('shell', () => {
  expect(
    everyone({ tool: 'shell', command: 'ls', workdir: 'my dir', yield_time_ms: 300, escalate: true, justification: 'May I?' }),
  ).toEqual({
    codex: [
      'exec_command',
      { cmd: 'ls', workdir: 'my dir', yield_time_ms: 300, sandbox_permissions: 'require_escalated', justification: 'May I?' },
    ],
    claude: ['Bash', { command: "cd 'my dir' && ls", description: 'May I?' }],
    gemini: ['run_shell_command', { command: 'ls', description: 'May I?', dir_path: 'my dir' }],
    qwen: ['run_shell_command', { command: 'ls', is_background: false, description: 'May I?', directory: 'my dir' }],
    opencode: ['bash', { command: 'ls', workdir: 'my dir' }],
  })
  expect(sent('claude', { tool: 'shell', command: 'ls' })).toEqual(['Bash', { command: 'ls' }])
})

test('read', () => {
  expect(everyone({ tool: 'read', path: "it's.txt" })).toEqual({
    codex: ['exec_command', { cmd: "cat 'it'\\''s.txt'" }],
    claude: ['Read', { file_path: "/place/it's.txt" }],
    gemini: ['read_file', { file_path: "/place/it's.txt" }],
    qwen: ['read_file', { file_path: "/place/it's.txt" }],
    opencode: ['read', { filePath: "/place/it's.txt" }],
  })
})

test('edit', () => {
  const [old_string, new_string] = ['one\ntwo', 'two']
  expect(everyone({ tool: 'edit', path: 'a.txt', old_text: old_string, new_text: new_string })).toEqual({
    codex: ['apply_patch', '*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n-two\n+two\n*** End Patch\n'],
    claude: ['Edit', { file_path: '/place/a.txt', old_string, new_string }],
    gemini: ['replace', { file_path: '/place/a.txt', instruction: 'Replace the text.', old_string, new_string }],
    qwen: ['edit', { file_path: '/place/a.txt', old_string, new_string }],
    opencode: ['edit', { filePath: '/place/a.txt', oldString: old_string, newString: new_string }],
  })
})

test('write', () => {
  const content = 'one\ntwo\n'
  expect(everyone({ tool: 'write', path: '/elsewhere/a.txt', text: content })).toEqual({
    codex: ['apply_patch', '*** Begin Patch\n*** Add File: /elsewhere/a.txt\n+one\n+two\n*** End Patch\n'],
    claude: ['Write', { file_path: '/elsewhere/a.txt', content }],
    gemini: ['write_file', { file_path: '/elsewhere/a.txt', content }],
    qwen: ['write_file', { file_path: '/elsewhere/a.txt', content }],
    opencode: ['write', { filePath: '/elsewhere/a.txt', content }],
  })
})

test('plan', () => {
  const [content, status] = ['Look', 'in_progress'] as const
  expect(everyone({ tool: 'plan', entries: [{ text: content, status }] })).toEqual({
    codex: ['update_plan', { plan: [{ step: content, status }] }],
    claude: ['TodoWrite', { todos: [{ content, status, activeForm: content }] }],
    gemini: ['write_todos', { todos: [{ description: content, status }] }],
    qwen: ['todo_write', { todos: [{ id: '1', content, status }] }],
    opencode: ['todowrite', { todos: [{ content, status, priority: 'medium' }] }],
  })
})

test('question', () => {
  const options = [
    { label: 'Red', description: 'Red' },
    { label: 'Blue', description: 'Calm' },
  ]
  const asked = { question: 'Which?', header: 'Colour', options }
  const word: Tool = { tool: 'question', ...asked, options: [{ label: 'Red' }, { label: 'Blue', description: 'Calm' }], multiple: true }
  expect(everyone(word)).toEqual({
    codex: ['request_user_input', { questions: [{ id: 'question', ...asked }] }],
    claude: ['AskUserQuestion', { questions: [{ ...asked, multiSelect: true }] }],
    gemini: ['ask_user', { questions: [{ ...asked, type: 'choice', multiSelect: true }] }],
    qwen: ['ask_user_question', { questions: [{ ...asked, multiSelect: true }] }],
    opencode: ['question', { questions: [{ ...asked, multiple: true }] }],
  })
  expect(sent('claude', { tool: 'question', question: 'Which?', options: [{ label: 'Red' }] })).toMatchObject([
    'AskUserQuestion',
    { questions: [{ header: 'Question', multiSelect: false }] },
  ])
})

test('mcp', () => {
  const input = { n: 1 }
  expect(everyone({ tool: 'mcp', server: 'notes', name: 'add', input })).toEqual({
    codex: ['mcp__notes/add', input],
    claude: ['mcp__notes__add', input],
    gemini: ['mcp_notes_add', input],
    qwen: ['mcp__notes__add', input],
    opencode: ['notes_add', input],
  })
})

test('native tools are said as written', () => {
  expect(say('claude', { tool: 'native', namespace: 'a', name: 'b', input: { path: 'c' } })).toEqual({
    namespace: 'a',
    name: 'b',
    input: { path: 'c' },
  })
  expect(say('claude', { tool: 'native', name: 'b', input_text: '{broken' }).input).toBe('{broken')
})

test('a patch is a patch where there is a tool for it, and the change it makes where there is none', () => {
  const update = '*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+three\n*** End Patch\n'
  expect(sent('codex', { tool: 'patch', patch: update })).toEqual(['apply_patch', update])
  expect(toNativeCall({ tool: 'patch', patch: update }, { tools: ['bash', 'read', 'apply_patch'], cwd }, 'opencode')).toEqual({
    name: 'apply_patch',
    input: { patchText: update },
  })
  expect(sent('claude', { tool: 'patch', patch: update })).toEqual([
    'Edit',
    { file_path: '/place/a.txt', old_string: 'one\ntwo', new_string: 'one\nthree' },
  ])
  const addition = '*** Begin Patch\n*** Add File: a.txt\n+one\n+\n*** End Patch'
  expect(sent('gemini', { tool: 'patch', patch: addition })).toEqual(['write_file', { file_path: '/place/a.txt', content: 'one\n\n' }])
})

test.each([
  ['two files', '*** Add File: a\n+one\n*** Add File: b\n+two'],
  ['two hunks', '*** Update File: a\n@@\n-one\n+two\n@@\n-three\n+four'],
  ['a file that goes', '*** Delete File: a'],
  ['an update that only adds', '*** Update File: a\n@@\n+one'],
])('a patch of %s stays one', (_, body) => {
  const patch = `*** Begin Patch\n${body}\n*** End Patch`
  expect(sent('claude', { tool: 'patch', patch })).toEqual(['apply_patch', { patchText: patch }])
})

test('an agent that changes files with patches only is given patches', () => {
  const offer = { tools: ['bash', 'read', 'apply_patch', 'todowrite'], cwd }
  const { name, input } = toNativeCall({ tool: 'edit', path: 'a.txt', old_text: 'one\n', new_text: 'two\n' }, offer, 'opencode')
  expect([name, input]).toEqual([
    'apply_patch',
    { patchText: '*** Begin Patch\n*** Update File: /place/a.txt\n@@\n-one\n+two\n*** End Patch\n' },
  ])
})

test('the agent is the one whose tools are offered, and the main one if none are known', () => {
  const shell = (tools: readonly string[], mainAgent: AgentName): string =>
    toNativeCall({ tool: 'shell', command: 'ls' }, { tools, cwd }, mainAgent).name
  expect(shell(['bash', 'edit', 'read', 'mcp__x'], 'claude')).toBe('bash')
  expect(shell([], 'claude')).toBe('Bash')
  expect(shell(['unheard_of'], 'opencode')).toBe('bash')
  const edit = (tools: readonly string[], mainAgent: AgentName): string =>
    toNativeCall({ tool: 'edit', path: 'a', old_text: 'b', new_text: 'c' }, { tools, cwd }, mainAgent).name
  // Two agents offer this one: the main one, and then the first one known, is taken to be meant.
  expect(edit(['run_shell_command'], 'gemini')).toBe('replace')
  expect(edit(['run_shell_command'], 'opencode')).toBe('edit')
})

test('a relative path stays as written where no working directory is known', () => {
  expect(toNativeCall({ tool: 'read', path: 'a.txt' }, { tools: [], cwd: null }, 'claude').input).toEqual({ file_path: 'a.txt' })
})
