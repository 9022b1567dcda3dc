import { expect, test } from 'vitest'
import type { ConversationItem } from './conversation.ts'
import { findWorkingDirectory } from './working-directory.ts'

const system = (text: string): ConversationItem => ({ kind: 'system', text })
const user = (text: string): ConversationItem => ({ kind: 'user', text })

test.each([
  ['Codex', user('<environment_context>\n  <cwd>/my work/here</cwd>\n  <shell>bash</shell>\n</environment_context>')],
  ['Claude', user('<system-reminder>\n - Primary working directory: /my work/here\n - Platform: linux\n</system-reminder>')],
  ['OpenCode', system('<env>\n  Working directory: /my work/here\n  Workspace root folder: /\n</env>')],
  ['Gemini', user('<session_context>\n- **Workspace Directories:**\n  - /my work/here\n  - /another\n</session_context>')],
  ['Qwen', user("<system-reminder>\nI'm currently working in the directory: /my work/here\nHere is the structure.\n</system-reminder>")],
])('%s names it', (_, item) => {
  expect(findWorkingDirectory([system('Stay in the current working directory.'), item, user('Go')])).toBe('/my work/here')
})

test('a drive may begin it', () => {
  expect(findWorkingDirectory([system('Working directory: C:\\work\nPlatform: win32')])).toBe('C:\\work')
})

test('the last one counts: a conversation can go on elsewhere', () => {
  expect(findWorkingDirectory([user('<cwd>/old</cwd>'), user('Go'), user('<cwd>/new</cwd>'), user('On')])).toBe('/new')
})

test('what people and tools say does not count', () => {
  const output: ConversationItem = { kind: 'tool_output', id: 'a', text: 'Working directory: /tool' }
  expect(findWorkingDirectory([user('My working directory: /mine'), output, system('Your working directory: none')])).toBeNull()
})
