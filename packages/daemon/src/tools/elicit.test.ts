import { expect, test } from 'vitest'
import type { Answer } from '../core/task-host.ts'
import { elicit } from './elicit.ts'

const asked = { message: 'Which one?', requestedSchema: { type: 'object' as const, properties: {} } }
const createCall = (answer: Promise<Answer>, signal = new AbortController().signal) => {
  const titles: string[] = []
  const ask = ({ title }: { readonly title: string }) => {
    titles.push(title)
    return answer
  }
  return { ask, signal, titles }
}
const accept = Promise.resolve({ outcome: 'accept', content: { a: 'b' } } as const)

test('asks the person of the call that runs', async () => {
  const call = createCall(accept)
  expect(await elicit(new Set([call]), asked)).toEqual({ action: 'accept', content: { a: 'b' } })
  expect(call.titles).toEqual(['Which one?'])
})

test('asks nobody where nobody can tell who is meant, or a page is to be visited', async () => {
  const calls = [createCall(accept), createCall(accept)] as const
  const page = { mode: 'url', message: 'Come here', url: 'https://example.com', elicitationId: 'e' } as const
  expect(await elicit(new Set(calls), asked)).toEqual({ action: 'decline' })
  expect(await elicit(new Set(), asked)).toEqual({ action: 'decline' })
  expect(await elicit(new Set([calls[0]]), page)).toEqual({ action: 'decline' })
  expect(calls.flatMap(({ titles }) => titles)).toEqual([])
})

test('a call that is over takes its question with it', async () => {
  const end = new AbortController()
  const answer = elicit(new Set([createCall(new Promise(() => {}), end.signal)]), asked)
  end.abort()
  expect(await answer).toEqual({ action: 'cancel' })
})
