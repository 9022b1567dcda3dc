import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { toLines } from './lines.ts'
import { eachLine } from './testing/each-line.ts'
import type { Line } from './lines.ts'

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

async function linesOf(bytes: Uint8Array | string, sizes: readonly number[] = [], maxBytes = 1024): Promise<readonly Line[]> {
  return await Array.fromAsync(eachLine(toLines(chunksOf(Buffer.from(bytes), sizes), maxBytes)))
}

const texts = async (...args: Parameters<typeof linesOf>): Promise<readonly string[]> => (await linesOf(...args)).map(({ text }) => text)

test('cuts lines, whatever their ends, and keeps a last one without an end', async () => {
  expect(await texts('one\ntwo\r\n\n\r\n three \nfour')).toEqual(['one', 'two', ' three ', 'four'])
  expect(await texts('')).toEqual([])
})

test('a byte order mark is removed, line separators that are not line ends stay', async () => {
  expect(await texts('\uFEFF{"a":1}\nb\u2028c\u0000d\n')).toEqual(['{"a":1}', 'b\u2028c\u0000d'])
})

test('invalid UTF-8 becomes replacement characters', async () => {
  expect(await texts(Uint8Array.of(0x61, 0xff, 0xc3, 0x0a, 0x62, 0x0a))).toEqual(['a\uFFFD\uFFFD', 'b'])
})

test('a long line is cut and marked, and the next one is whole', async () => {
  expect(await linesOf(`${'x'.repeat(50)}\nshort\n`, [7, 20, 30], 10)).toEqual([
    { text: 'x'.repeat(10), truncated: true },
    { text: 'short', truncated: false },
  ])
})

/** Cuts lines in the plainest way: all at once. */
function plainLines(bytes: Uint8Array, maxBytes: number): readonly Line[] {
  const lines: Line[] = []
  for (let start = 0; start <= bytes.length;) {
    const found = bytes.indexOf(0x0a, start)
    const end = found === -1 ? bytes.length : found
    const kept = bytes.subarray(start, Math.min(end, start + maxBytes))
    const text = new TextDecoder().decode(kept.at(-1) === 0x0d ? kept.subarray(0, -1) : kept)
    if (text !== '') lines.push({ text, truncated: end - start > maxBytes })
    start = end + 1
  }
  return lines
}

test('any bytes in any chunks are the lines that they are at once', async () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((all) => all.map((byte, at) => (at % 7 === 3 && byte > 128 ? 0x0a : byte)))
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(9)), fc.integer({ min: 1, max: 60 }), async (all, sizes, maxBytes) => {
      expect(await linesOf(all, sizes, maxBytes)).toEqual(plainLines(all, maxBytes))
    }),
  )
})

test('how the bytes are split over chunks makes no difference', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(9)), async (parts, sizes) => {
      const bytes = Buffer.from(parts.join('\n'))
      expect(await linesOf(bytes, sizes, 16)).toEqual(await linesOf(bytes, [], 16))
    }),
  )
})
