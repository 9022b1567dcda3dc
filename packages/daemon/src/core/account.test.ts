import { expect, test } from 'vitest'
import { toText, type Message, type TranscriptBlock } from '@codesdkd/protocol'
import { toAccount, toTold } from './account.ts'

const call: TranscriptBlock = { type: 'tool_use', id: 'x', attempt: 1, name: 'shell', title: 'ls\n  -la', input: {}, phase: 'completed' }
const result: TranscriptBlock = { type: 'tool_result', tool_use_id: 'x', attempt: 1, content: 'a.txt', outcome: 'completed' }
const tell = (...blocks: readonly TranscriptBlock[]) =>
  toTold([{ role: 'assistant', content: blocks }]).map(({ content }) => toText(content))

const cases: readonly (readonly [string, readonly TranscriptBlock[], string])[] = [
  ['a call as one line, and its result', [call, result], '[called shell: ls -la]\n[result of shell: ls -la]\na.txt'],
  [
    'a result that is an error',
    [call, { ...result, is_error: true, exit_code: 2 }],
    '[called shell: ls -la]\n[result of shell: ls -la, an error, exit code 2]\na.txt',
  ],
  [
    'a long result in part',
    [call, { ...result, content: 'y'.repeat(3_000) }],
    `[called shell: ls -la]\n[result of shell: ls -la]\n${'y'.repeat(2_000)}\n[the rest of the result is left out]`,
  ],
  [
    'a denial and its reason',
    [
      { ...call, phase: 'denied' },
      { ...result, outcome: 'denied', is_error: true, content: 'not now' },
    ],
    '[denied, so it was not run: shell: ls -la; reason: not now]',
  ],
  ['an approval that was never used', [{ ...call, phase: 'approved' }], '[called shell: ls -la; it was never run]'],
  [
    'a question',
    [{ type: 'question', question_id: 'q', title: 'Which?', schema: {}, outcome: 'accept', content: { colour: 'red' } }],
    '[asked the user: Which?; answer: {"colour":"red"}]',
  ],
  ['a call of which only the input is known', [{ type: 'tool_use', id: 'x', name: 'look', input: { at: 1 } }], '[called look: {"at":1}]'],
]
test.each(cases)('tells %s', (_name, blocks, text) => {
  expect(tell(...blocks)).toEqual([text])
})

test('leaves out what the agent thought, and messages of nothing else', () => {
  expect(tell({ type: 'reasoning', text: 'hm' })).toEqual([])
})

test('ends with the files that were changed and with why the task did not complete', () => {
  const asked: Message = { role: 'user', content: 'Go.' }
  const files = [
    { path: 'a.txt', change: 'add' as const },
    { path: 'a.txt', change: 'add' as const },
    { path: 'b.txt', change: 'move' as const, moved_to: 'c.txt' },
  ]
  const told = toAccount({
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Go.' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Going.' }] },
    ],
    task: { status: 'stopped', reason: 'stopped_by_user' },
    files,
  })
  const notes = '[files changed: add a.txt, move b.txt to c.txt]\n[the task was stopped: stopped_by_user]'
  expect(told.map(({ content }) => toText(content))).toEqual([asked.content, `Going.\n${notes}`])
  const silent = toAccount({ messages: [], task: { status: 'completed' }, files })
  expect(silent.map(({ role }) => role)).toEqual(['assistant'])
})
