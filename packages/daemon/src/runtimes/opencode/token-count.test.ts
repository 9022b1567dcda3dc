import { expect, test } from 'vitest'
import { createTokenCount } from './token-count.ts'
import type { Tokens } from './token-count.ts'

const tokens: Tokens = { input: 7, output: 3, reasoning: 1, cache: { read: 2, write: 0 } }
const prompt = () => new Request('http://127.0.0.1/session/s/message', { method: 'POST' })
const answer = () => Response.json({ info: { tokens } })

test('a turn has the tokens of all its model calls, and none of an earlier turn that failed or was stopped', async () => {
  const count = createTokenCount()
  const twice = (status: number) => async () => {
    for (const part of ['a', 'b']) count.add('s', `${part}-${status}`, tokens)
    return status === 200 ? answer() : new Response('', { status })
  }
  expect(await (await count.complete(prompt(), twice(200))).json()).toMatchObject({ info: { tokens: { input: 14, output: 6 } } })
  await count.complete(prompt(), twice(500))
  await expect(
    count.complete(prompt(), async () => {
      await twice(200)()
      throw new DOMException('stopped', 'AbortError')
    }),
  ).rejects.toThrow('stopped')
  expect(await (await count.complete(prompt(), async () => answer())).json()).toEqual({ info: { tokens } })
})
