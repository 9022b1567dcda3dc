import { Problem } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import type { RuntimeEnv } from '../../core/ports.ts'
import { parseGeminiConfig, toAttempts, toAuthentication, toIdleTimeout, toKey, withoutKeys } from './config.ts'

const env = (variables: Readonly<Record<string, string>>, offlineUrl: string | null = null): RuntimeEnv => ({
  executable: null,
  home: '/nowhere',
  shared: false,
  variables,
  offlineUrl,
})

test('takes both spellings, and nothing it does not know', () => {
  expect(parseGeminiConfig({ maxRetries: 2, stream_idle_timeout_ms: 1000 })).toEqual({ max_retries: 2, stream_idle_timeout_ms: 1000 })
  const refused = [
    { approval_mode: 'yolo' },
    { max_retries: 10 },
    { base_url: 'file:///etc' },
    { base_url: 'http://user:secret@host' },
    { env_key: 'A=B' },
    { mcp_servers: { x: { command: 'a', trust: true } } },
    { mcp_servers: { 'a.b': { command: 'a' } } },
  ]
  for (const config of refused) expect(() => parseGeminiConfig(config)).toThrow(Problem)
})

test('a key leaves the environment for the way on which the agent logs in', () => {
  const variables = { PATH: '/bin', GEMINI_API_KEY: 'one', GOOGLE_API_KEY: 'two', OWN: 'three' }
  expect(withoutKeys({ variables }, { env_key: 'OWN' })).toEqual({ PATH: '/bin' })
  expect(withoutKeys({ variables }, {})).toEqual({ PATH: '/bin', OWN: 'three' })
  expect(toKey({ variables }, {})).toBe('one')
  expect(toKey({ variables }, { env_key: 'OWN' })).toBe('three')
  // A variable that was named is meant, also when it is empty.
  expect(toKey({ variables }, { env_key: 'NONE' })).toBeNull()
})

test('logs in with what there is', () => {
  const key = { GEMINI_API_KEY: 'one' }
  expect(toAuthentication(env(key), {}, true)).toEqual({ methodId: 'gemini-api-key', meta: { 'api-key': 'one' } })
  expect(toAuthentication(env({}), {}, true)).toEqual({ methodId: 'oauth-personal' })
  expect(toAuthentication(env({}), {}, false)).toBeUndefined()
  expect(() => toAuthentication(env(key), { env_key: 'NONE', base_url: 'http://model' }, true)).toThrow('NONE')
  const gateway = (baseUrl: string, apiKey: string) => ({ methodId: 'gateway', meta: { gateway: { baseUrl }, 'api-key': apiKey } })
  expect(toAuthentication(env(key), { base_url: 'http://model' }, true)).toEqual(gateway('http://model', 'one'))
  expect(toAuthentication(env({}, 'http://offline'), {}, true)).toEqual(gateway('http://offline', 'none'))
  expect(toAuthentication(env({}, 'http://offline'), { base_url: 'http://model' }, true)).toEqual(gateway('http://model', 'none'))
})

test('waits and tries as long as it is told', () => {
  expect([toAttempts(env({}), {}), toAttempts(env({}, 'http://offline'), {}), toAttempts(env({}), { max_retries: 0 })]).toEqual([4, 1, 1])
  expect(toIdleTimeout(env({}), { stream_idle_timeout_ms: 5000 })).toBe(5000)
  expect(toIdleTimeout(env({}, 'http://offline'), {})).toBeLessThan(toIdleTimeout(env({}), {}))
})
