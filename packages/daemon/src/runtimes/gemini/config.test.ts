import { Problem } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import { parseGeminiConfig, toAttempts, toIdleTimeout, toKey } from './config.ts'

const env = (offlineUrl: string | null = null) => ({ offlineUrl })

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

test('the first key that is there is used, or the one that was named', () => {
  const credentials = { GEMINI_API_KEY: '', GOOGLE_API_KEY: 'two', OWN: 'three' }
  expect(toKey({ credentials }, {})).toBe('two')
  expect(toKey({ credentials }, { env_key: 'OWN' })).toBe('three')
  // A variable that was named is meant, also when it is empty.
  expect(toKey({ credentials }, { env_key: 'NONE' })).toBeNull()
})

test('waits and tries as long as it is told', () => {
  expect([toAttempts(env(), {}), toAttempts(env('http://offline'), {}), toAttempts(env(), { max_retries: 0 })]).toEqual([4, 1, 1])
  expect(toIdleTimeout(env(), { stream_idle_timeout_ms: 5000 })).toBe(5000)
  expect(toIdleTimeout(env('http://offline'), {})).toBeLessThan(toIdleTimeout(env(), {}))
})
