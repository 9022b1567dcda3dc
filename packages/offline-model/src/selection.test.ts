import { expect, test } from 'vitest'
import type { Conversation, ConversationItem } from './conversation.ts'
import { parseScenarios } from './scenario.ts'
import { assistantTurns, select } from './selection.ts'

const file = parseScenarios({
  scenarios: [
    { name: 'fix', prompt: 'fix it', legs: [{ text: 'one' }, { text: 'two' }, { text: 'three' }] },
    { name: 'also-fix', prompt: 'fix', legs: [{ text: 'never for "fix it"' }] },
    { name: 'digits', prompt: { regex: '^\\d+$' }, legs: [{ text: 'a number' }] },
  ],
})
const user = (text: string): ConversationItem => ({ kind: 'user', text })
const said = (text = 'so'): ConversationItem => ({ kind: 'assistant', text })
const thought: ConversationItem = { kind: 'reasoning', text: '' }
const call: ConversationItem = { kind: 'tool_call', id: 'c', name: 'x', input: null }
const output: ConversationItem = { kind: 'tool_output', id: 'c', text: 'out' }
const environment = user('<environment_context>fix it</environment_context>')
const conversation = (...items: ConversationItem[]): Conversation => ({
  id: null,
  model: 'm',
  wants: 'stream',
  tools: [],
  cwd: null,
  answerSchema: null,
  items,
})
const chosen = (...items: ConversationItem[]): unknown[] => {
  const { scenario, legIndex, leg } = select(conversation(...items), file)
  return [scenario, legIndex, leg.text]
}

test('the first scenario in file order answers', () => {
  expect(chosen(user('please fix it'))).toEqual(['fix', 0, 'one'])
  expect(chosen(user('42'))).toEqual(['digits', 0, 'a number'])
})

test('each turn of the model moves to the next leg, however many items it had', () => {
  expect(chosen(user('fix it'), thought, said(), call, call, output, output)).toEqual(['fix', 1, 'two'])
  expect(chosen(user('fix it'), thought, call, output, call, output)).toEqual(['fix', 2, 'three'])
})

test('the last matching prompt is the anchor', () => {
  expect(chosen(user('fix it'), call, output, said(), user('fix it'))).toEqual(['fix', 0, 'one'])
  expect(chosen(user('42'), said(), user('fix it'), said(), user('fix it'), call, output)).toEqual(['fix', 1, 'two'])
})

test('blocks of the agent are not prompts', () => {
  expect(chosen(environment, user('42'), environment)).toEqual(['digits', 0, 'a number'])
  expect(chosen(environment)).toEqual([null, 0, 'No scenario matches: '])
})

test('a message that steers does not disturb the scenario', () => {
  expect(chosen(user('fix it'), user('and hurry'))).toEqual(['fix', 0, 'one'])
  expect(chosen(user('fix it'), call, output, user('and hurry'))).toEqual(['fix', 1, 'two'])
  expect(chosen(user('fix it'), call, user('and hurry'), output)).toEqual(['fix', 1, 'two'])
  expect(chosen(user('fix it'), call, output, user('and hurry'), call, output)).toEqual(['fix', 2, 'three'])
})

test('after its last leg a scenario has ended', () => {
  expect(chosen(user('42'), call, output)).toEqual(['digits', 1, '(scenario digits has ended)'])
})

test('a prompt after the last leg is a new one', () => {
  expect(chosen(user('42'), said(), user('hello'))).toEqual([null, 0, 'No scenario matches: hello'])
  expect(chosen(user('42'), said(), user('hello'), said(), user('what now?'))).toEqual([null, 0, 'No scenario matches: what now?'])
})

test('the file may say what the fallback answers', () => {
  const withFallback = parseScenarios({
    scenarios: [],
    fallback: { legs: [{ tools: [{ tool: 'shell', command: 'ls' }] }, { text: 'done' }] },
  })
  expect(select(conversation(user('hello')), withFallback)).toMatchObject({
    scenario: null,
    legIndex: 0,
    leg: { tools: [{ command: 'ls' }] },
  })
  expect(select(conversation(user('hello'), call, output), withFallback)).toMatchObject({ legIndex: 1, leg: { text: 'done' } })
  expect(select(conversation(user('hello'), call, output, call, output), withFallback).leg.text).toBe('(the fallback has ended)')
})

test('turns are counted after the anchor only', () => {
  expect(assistantTurns([said(), user('x'), thought, call, output, said()], 1)).toEqual([2, 5])
})
