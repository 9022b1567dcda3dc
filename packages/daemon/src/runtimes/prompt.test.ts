import { expect, test } from 'vitest'
import { toPrompt } from './prompt.ts'

test('a lone message is the prompt itself', () => {
  expect(toPrompt([{ role: 'user', content: 'Hello' }])).toEqual({ text: 'Hello', images: [] })
  expect(toPrompt([])).toEqual({ text: '', images: [] })
})

test('earlier messages stand before the last one, in order and marked', () => {
  const { text } = toPrompt([
    { role: 'user', content: 'One' },
    { role: 'assistant', content: [{ type: 'tool_use', id: '1', name: 'look', input: {} }] },
    { role: 'user', content: 'Two' },
  ])
  expect(text).toMatch(
    /^<conversation_so_far>\n.*\n<user>\nOne\n<\/user>\n<assistant>\n\[tool look \{\}\]\n<\/assistant>\n<\/conversation_so_far>\n\nTwo$/s,
  )
})

test('images of the last message are handed over, earlier ones are named', () => {
  const image = { type: 'image' as const, media_type: 'image/png', data: 'AAAA' }
  const { text, images } = toPrompt([
    { role: 'user', content: [image] },
    { role: 'user', content: [{ type: 'text', text: 'Look' }, image] },
  ])
  expect(images).toEqual([{ mediaType: 'image/png', base64: 'AAAA' }])
  expect(text).toContain('[image image/png]')
  expect(text).toMatch(/\n\nLook$/)
})
