import { expect, test } from 'vitest'
import { throughDoors } from './doors.ts'

test('a call goes through the door of its kind, any other where it was going', async () => {
  const targets: string[] = []
  const plainFetch = Object.assign(
    (target: string | URL | Request) => {
      targets.push(target instanceof Request ? target.url : String(target))
      return Promise.resolve(new Response('ok'))
    },
    { preconnect: () => {} },
  )
  const call = throughDoors(plainFetch, {
    base: 'http://gateway/zen',
    others: [
      { path: '/messages', url: 'http://gateway/zen-messages' },
      { path: '/models/', url: 'http://gateway/zen-content' },
    ],
  })
  await call('http://gateway/zen/messages')
  await call(new URL('http://gateway/zen/models/one:streamGenerateContent?alt=sse'))
  await call('http://gateway/zen/chat/completions')
  await call('http://gateway/zenith/messages')
  await call('http://elsewhere/messages')
  expect(targets).toEqual([
    'http://gateway/zen-messages/messages',
    'http://gateway/zen-content/models/one:streamGenerateContent?alt=sse',
    'http://gateway/zen/chat/completions',
    'http://gateway/zenith/messages',
    'http://elsewhere/messages',
  ])
})
