import { expect, test } from 'vitest'
import { toExited, toUnreadable } from './outcome.ts'

test('an agent that cannot be read any more is told apart from one that ended, and no URL is told whole', () => {
  expect(toUnreadable(new Error('odd: https://example.com/v1?key=secret'))).toEqual({
    code: 'agent_protocol_error',
    message: "The agent's output could not be handled: odd: https://example.com/v1",
    retryable: true,
  })
  expect(toUnreadable('odd').message).toContain('an unknown error')
  expect(toExited({ exitCode: null, signal: 'SIGKILL', stderrTail: '' })).toEqual({
    code: 'agent_exited',
    message: 'The agent ended by signal SIGKILL before the turn was over.',
    retryable: true,
    exit_code: null,
    signal: 'SIGKILL',
  })
})
