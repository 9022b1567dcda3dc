import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  emptyTranscript,
  evolveTranscript,
  isTerminal,
  toHistory,
  toText,
  createTask,
  type ContentBlock,
  type Event,
  type Message,
} from '@codesdkd/protocol'
import { anyTasks, toLog } from '../../../protocol/src/testing/conversation.ts'
import { newMessages, toHeldMessage } from './held-messages.ts'
import { canonicalHash as hash } from './input-hash.ts'
import { addToTranscript, emptyTaskTranscript, toMessages } from './transcript.ts'

const user = (content: Message['content']): Message => ({ role: 'user', content })
const assistant = (content: Message['content']): Message => ({ role: 'assistant', content })
const text = (value: string): ContentBlock => ({ type: 'text', text: value })
const remember = (messages: readonly Message[]) => messages.map((message) => toHeldMessage(message, hash))
const fresh = (held: readonly Message[], sent: readonly Message[]) => newMessages(remember(held), sent, { hash })

describe('the history that a host sends again', () => {
  const held = [user('one'), assistant('two')]
  const next = user('three')

  test('is dropped where it equals the transcript from its beginning', () => {
    expect(fresh(held, [...held, next])).toEqual([next])
    expect(fresh(held, [user('one'), next])).toEqual([next])
  })

  test('is kept where it differs, from the first difference on', () => {
    expect(fresh(held, [user('one'), assistant('other'), next])).toEqual([assistant('other'), next])
    expect(fresh(held, [assistant('two'), next])).toEqual([assistant('two'), next])
    expect(fresh(held, [user('one'), assistant('two and more'), next])).toEqual([assistant('two and more'), next])
  })

  test('never takes the last message with it, not even a repeated one', () => {
    expect(fresh(held, [user('one')])).toEqual([user('one')])
    expect(fresh([user('one')], [user('one'), user('one')])).toEqual([user('one')])
  })

  test('is the same whether its text is a string or blocks, one message or several', () => {
    expect(fresh(held, [user('one'), assistant([text('t'), text('wo')]), next])).toEqual([next])
    expect(fresh(held, [user('one'), assistant('t'), assistant('wo\n'), next])).toEqual([next])
    expect(fresh([user('a'), user('b'), assistant('c')], [user('a\n\nb'), assistant('c'), next])).toEqual([next])
  })

  test('may hold calls and results or not', () => {
    const use = { type: 'tool_use' as const, id: 'x', name: 'shell', input: {} }
    const result = { type: 'tool_result' as const, tool_use_id: 'x', content: 'done' }
    const told: Message[] = [user('one'), assistant([text('t'), use]), { role: 'tool', content: [result] }, assistant('wo')]
    expect(fresh(held, [...told, next])).toEqual([next])
    expect(fresh(told, [...held, next])).toEqual([next])
    expect(fresh(held, [user('one'), assistant([use]), user([result]), assistant('two'), next])).toEqual([next])
    expect(fresh([], [assistant([use]), user([result]), next])).toHaveLength(3)
  })

  test('counts the images that a person sent', () => {
    const image = (data: string): ContentBlock => ({ type: 'image', media_type: 'image/png', data })
    const seen = [user([text('look'), image('AA')]), assistant('a dot')]
    expect(fresh(seen, [...seen, next])).toEqual([next])
    expect(fresh(seen, [user([text('look'), image('BB')]), assistant('a dot'), next])).toHaveLength(3)
    expect(fresh(seen, [user('look'), assistant('a dot'), next])).toHaveLength(3)
  })

  test('is known where the log has masked it', () => {
    const mask = (value: string) => value.replaceAll('secret', 'masked')
    expect(newMessages(remember([user('my masked key')]), [user('my secret key'), next], { hash, mask })).toEqual([next])
  })

  test('is known to a session that an earlier version of the daemon has begun', () => {
    // What it kept: the canonical hash of role and text.
    const earlier = [hash({ role: 'user', content: 'one' }), hash({ role: 'assistant', content: 'two' })]
    const going = [...earlier, ...remember([user('three'), assistant('four')])]
    expect(newMessages(going, [...held, user('three'), assistant('fo'), assistant('ur'), user('five')], { hash })).toEqual([user('five')])
    expect(newMessages(earlier, [...held, next], { hash })).toEqual([next])
    expect(newMessages(earlier, [user('one'), assistant('other'), next], { hash })).toEqual([assistant('other'), next])
  })
})

// ---------------------------------------------------------------- properties

const word = fc.stringMatching(/^[a-z\u00e9\u{1f600}]{1,6}$/u)
const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((some) => some.join(' '))
const turn = fc.record({
  asked: fc.array(words.map(user), { minLength: 1, maxLength: 2 }),
  answered: fc.array(words.map(assistant), { maxLength: 3 }),
})
const conversation = fc
  .array(turn, { minLength: 1, maxLength: 5 })
  .map((turns) => turns.flatMap(({ asked, answered }) => [...asked, ...answered]))

/** One way of many in which a host may keep the same conversation. */
function split(messages: readonly Message[], choices: readonly number[]): readonly Message[] {
  let at = 0
  const choose = (below: number) => (choices[(at += 1) % choices.length] ?? 0) % below
  const sent: Message[] = []
  for (const { role, content } of messages) {
    const whole = toText(content)
    const cut = choose(whole.length + 1)
    const parts = [whole.slice(0, cut), whole.slice(cut)]
    const last = sent.at(-1)
    const form = choose(4)
    if (form === 0 && last?.role === role && typeof last.content === 'string')
      sent.splice(-1, 1, { role, content: `${last.content}\n\n${whole}` })
    else if (form === 1) sent.push(...parts.map((content) => ({ role, content })))
    else if (form === 2) sent.push({ role, content: parts.map(text) })
    else sent.push({ role, content: whole })
  }
  return sent
}

const choices = fc.array(fc.nat(1000), { minLength: 1, maxLength: 30 })

test('whatever split of what is held comes back with a new message, only that one is new', () => {
  fc.assert(
    fc.property(conversation, choices, (held, how) => {
      expect(fresh(held, [...split(held, how), user('new')])).toEqual([user('new')])
    }),
  )
})

test('from a changed message on everything is new, and nothing before it', () => {
  fc.assert(
    fc.property(conversation, fc.nat(), word, (held, index, other) => {
      const at = index % held.length
      const changed = held.with(at, { role: held[at]?.role ?? 'user', content: `${toText(held[at]?.content ?? '')}!${other}` })
      expect(fresh(held, [...changed, user('new')])).toEqual([...changed.slice(at), user('new')])
    }),
  )
})

test('whatever a host sends, what is dropped is a beginning of it, and the last message stays', () => {
  fc.assert(
    fc.property(conversation, conversation, choices, (held, sent, how) => {
      const rest = fresh(held, split(sent, how))
      expect(rest.length).toBeGreaterThan(0)
      expect(rest).toEqual(split(sent, how).slice(-rest.length))
    }),
  )
})

/** What a session holds of a log, as its journal folds it. */
function heldOf(events: readonly Event[]): readonly Message[] {
  let task = emptyTaskTranscript
  return events.flatMap((event) => {
    task = addToTranscript(event.type === 'task.started' ? emptyTaskTranscript : task, event)
    return isTerminal(event.type) ? toMessages(task) : []
  })
}

test('the transcript of a session, sent back with a new message, is known to it', () => {
  fc.assert(
    fc.property(anyTasks, (tasks) => {
      const events = toLog(tasks.flat())
      // Deltas may give blocks that are written at the same time another order; without them both folds read the same.
      const settled = events.filter(({ type }) => type !== 'model.output.delta' && type !== 'model.output.discarded')
      const history = toHistory(settled.reduce(evolveTranscript, emptyTranscript('s')))
      const messages = [...history, user('new')]
      expect(createTask.parse({ messages }).messages).toEqual(messages)
      expect(fresh(heldOf(settled), messages)).toEqual([user('new')])
    }),
  )
})
