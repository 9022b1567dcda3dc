import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBlocks, toText, type ContentBlock, type Message } from '@codesdkd/protocol'
import { toCarried } from './carried.ts'

const said = (role: Message['role'], content: Message['content']): Message => ({ role, content })
const image = (data: string): ContentBlock => ({ type: 'image', media_type: 'image/png', data })
const budget = (characters: number) => ({ characters, images: 2, imageCharacters: 8 })
const texts = (messages: readonly Message[]) => messages.map(({ content }) => toText(content))
const filler = (length: number) => 'x'.repeat(length)

const long = [
  said('system', 'Be brief.'),
  said('user', 'Make it.'),
  said('assistant', filler(50)),
  said('user', filler(50)),
  said('assistant', 'Made.'),
]

describe('of a conversation is carried', () => {
  const cases: readonly (readonly [string, readonly Message[], number, readonly string[]])[] = [
    ['all of it, where it fits', long, 200, texts(long)],
    ['the beginning and the newest, where it does not', long, 70, ['Be brief.', 'Make it.', '[2 earlier messages left out]\nMade.']],
    ['as much of the newer part as fits', long, 100, ['Be brief.', 'Make it.', `[1 earlier message left out]\n${filler(50)}`, 'Made.']],
    [
      'a long beginning only in part',
      [said('user', filler(30)), said('assistant', filler(30)), said('user', 'Now.')],
      40,
      [`${filler(10)}\n[20 characters of this message left out]`, '[1 earlier message left out]\nNow.'],
    ],
    [
      'the end of a message that fits by no means',
      [said('user', 'Go.'), said('assistant', `${filler(50)}end`)],
      20,
      ['Go.', `[36 characters of this message left out]\n${filler(14)}end`],
    ],
    ['nothing of nothing', [], 10, []],
  ]
  test.each(cases)('%s', (_name, history, characters, carried) => {
    expect(texts(toCarried(history, budget(characters)).messages)).toEqual(carried)
  })

  test('the newest images, as many as may be, and the places of the others', () => {
    const history = [said('user', [image('aa')]), said('user', [image('bb'), image('cc')])]
    const carried = toCarried(history, budget(100))
    expect(carried.messages.flatMap(({ content }) => toBlocks(content))).toEqual([
      { type: 'text', text: '[image image/png, left out]' },
      image('bb'),
      image('cc'),
    ])
    expect([carried.imagesCarried, carried.imagesOmitted]).toEqual([2, 1])
    expect(toCarried([said('user', [image('much too large')])], budget(100))).toMatchObject({ imagesCarried: 0, imagesOmitted: 1 })
  })
})

test('whatever the conversation, the budget holds, the newest is there, and all that is missing is counted', () => {
  const role = fc.constantFrom('system', 'user', 'assistant', 'tool')
  const message = fc.record({ role, content: fc.stringMatching(/^[a-z]{1,30}$/) })
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 200 }), (history, characters) => {
      const carried = toCarried(history, budget(characters))
      expect(carried.characters).toBeLessThanOrEqual(characters)
      expect(carried.messages.length + carried.omitted).toBe(history.length)
      expect(carried.messages.at(-1)?.role).toBe(history.at(-1)?.role)
      const told = [
        ...texts(carried.messages)
          .join('\n')
          .matchAll(/\[(\d+) earlier/g),
      ].reduce((sum, [, count]) => sum + Number(count), 0)
      expect(told).toBe(carried.omitted)
      const total = history.reduce((sum, { content }) => sum + content.length, 0)
      expect(carried.omitted + carried.cut > 0).toBe(total > characters)
      if (total <= characters) expect(carried.messages).toEqual(history)
    }),
  )
})
