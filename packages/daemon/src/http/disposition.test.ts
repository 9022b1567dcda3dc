import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { attachment } from './disposition.ts'

test('a plain name', () => {
  expect(attachment('report.txt')).toBe(`attachment; filename="report.txt"; filename*=utf-8''report.txt`)
})

test('a hostile name', () => {
  expect(attachment('../"a\r\nSet-Cookie: x"é')).toBe(
    `attachment; filename="..__a__Set-Cookie: x__"; filename*=utf-8''.._%22a__Set-Cookie%3A%20x%22%C3%A9`,
  )
})

test('any name gives a header that Node can send and a browser can read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 150 }), (name) => {
      const header = attachment(name)
      expect(header).toMatch(/^attachment; filename="[\x20-\x21\x23-\x7e]*"; filename\*=utf-8''[\w%.~-]*$/)
      const exact = decodeURIComponent(header.split("utf-8''")[1] ?? '')
      expect(exact).not.toMatch(/[/\\\p{Cc}]/u)
    }),
    { numRuns: 50 },
  )
})
