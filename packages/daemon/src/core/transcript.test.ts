import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Message } from '@codesdkd/protocol'
import { withinBudget } from './transcript.ts'

const user = (content: string): Message => ({ role: 'user', content })
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
