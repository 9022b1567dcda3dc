import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message } from '@codesdkd/protocol'
import { canonicalHash } from './input-hash.ts'
import { comparable, newMessages, withinBudget } from './transcript.ts'

const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })
const known = (messages: readonly Message[]) => messages.map((message) => canonicalHash(comparable(message)))
const fresh = (held: readonly Message[], sent: readonly Message[]) => newMessages(known(held), sent, canonicalHash)

describe('the history that a host sends again', () => {
  const held = [user('one'), assistant('two')]

  test('is dropped where it equals the transcript from its beginning', () => {
    expect(fresh(held, [...held, user('three')])).toEqual([user('three')])
    expect(fresh(held, [user('one'), user('three')])).toEqual([user('three')])
  })

  test('is kept where it differs, from the first difference on', () => {
    expect(fresh(held, [user('one'), assistant('other'), user('three')])).toEqual([assistant('other'), user('three')])
    expect(fresh(held, [assistant('two'), user('three')])).toEqual([assistant('two'), user('three')])
  })

  test('never takes the last message with it, not even a repeated one', () => {
    expect(fresh(held, [user('one')])).toEqual([user('one')])
    expect(fresh([user('one')], [user('one'), user('one')])).toEqual([user('one')])
  })

  test('is the same whether its text is a string or blocks', () => {
    const blocks: Message = {
      role: 'assistant',
      content: [
        { type: 'text', text: 't' },
        { type: 'text', text: 'wo' },
      ],
    }
    expect(fresh(held, [user('one'), blocks, user('three')])).toEqual([user('three')])
  })
})

test('a budget keeps the newest messages, at least a part of the newest one, and counts what it leaves out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 200 }),
      (texts, budget) => {
        const messages = texts.map(user)
        const kept = withinBudget(messages, budget)
        expect(kept.messages.length).toBeGreaterThan(0)
        expect(kept.messages.length + kept.omitted).toBe(messages.length)
        expect(kept.characters).toBeLessThanOrEqual(budget)
        expect(kept.truncated).toBe(
          kept.omitted > 0 || kept.messages[0]?.content !== messages[messages.length - kept.messages.length]?.content,
        )
        if (!kept.truncated) expect(kept.messages).toEqual(messages)
      },
    ),
  )
})
