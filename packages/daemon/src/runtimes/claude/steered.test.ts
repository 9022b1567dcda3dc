import { expect, test } from 'vitest'
import type { Incoming } from './channel.ts'
import { mapClaude } from './map.ts'
import { createClaudeState } from './state.ts'
import type { ClaudeState } from './state.ts'
import { steered } from './steered.ts'

const begun = steered(createClaudeState({ cwd: '/workspace', prompt: 'own' }), 'more')

const lifecycle = (command_uuid: string, state: string): Incoming => ({
  kind: 'message',
  message: { type: 'command_lifecycle', command_uuid, state },
})
const result = (user_message_uuid: string, inputTokens: number): Incoming => ({
  kind: 'message',
  message: {
    type: 'result',
    subtype: 'success',
    user_message_uuid,
    model_usage_since_last_result: { m: { inputTokens, outputTokens: 1 } },
  },
})

function play(state: ClaudeState, ...steps: readonly Incoming[]) {
  let usage: unknown = null
  for (const step of steps) {
    const [next, observations] = mapClaude(state, step)
    state = next
    for (const one of observations) if (one.kind === 'event' && one.event.type === 'usage.reported') usage = one.event.payload
  }
  return { ended: state.end?.kind ?? null, usage }
}

test('what is heard in the turn ends with it', () => {
  const end = play(begun, lifecycle('more', 'queued'), lifecycle('more', 'started'), lifecycle('more', 'completed'), result('own', 5))
  expect(end).toMatchObject({ ended: 'result', usage: { input_tokens: 5 } })
})

test('what still waits when the agent ends its turn is a part of it all the same, and so are its tokens', () => {
  const waiting = [lifecycle('more', 'queued'), result('own', 5), lifecycle('own', 'completed')]
  expect(play(begun, ...waiting).ended).toBeNull()
  const whole = play(begun, ...waiting, lifecycle('more', 'started'), result('more', 7))
  expect(whole).toMatchObject({ ended: 'result', usage: { input_tokens: 12, output_tokens: 2 } })
})

test('two that wait are heard together, or one after the other', () => {
  const both = steered(begun, 'most')
  const started = [lifecycle('more', 'started'), lifecycle('most', 'started')] as const
  expect(play(both, result('own', 1), ...started).ended).toBeNull()
  expect(play(both, result('own', 1), ...started, result('most', 1)).ended).toBe('result')
  expect(play(both, result('own', 1), started[0], result('more', 1)).ended).toBeNull()
  expect(play(both, result('own', 1), started[0], result('more', 1), started[1], result('most', 1)).ended).toBe('result')
})

test('an agent that tells only the result has heard what that answers', () => {
  expect(play(begun, result('own', 1), result('more', 1)).ended).toBe('result')
})

test('an interrupt takes back what waits: the turn has ended, in whichever order that is told', () => {
  expect(play(begun, result('own', 1), lifecycle('more', 'cancelled')).ended).toBe('result')
  expect(play(begun, lifecycle('more', 'cancelled'), result('own', 1)).ended).toBe('result')
  expect(play(begun, lifecycle('more', 'cancelled')).ended).toBeNull()
})
