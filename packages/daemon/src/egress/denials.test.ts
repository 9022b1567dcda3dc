import { expect, test } from 'vitest'
import { toDenial } from './denials.ts'
import { Refusal } from './refusal.ts'

test('what the rules refused is a denial of its host and port', () => {
  const denied = (host: string, port: number) => toDenial(new Refusal(403, 'No', { reason: 'Because.', target: { host, port } }))
  expect(denied('a.example', 443)).toEqual({ kind: 'network', target: 'a.example:443', reason: 'Because.', source: 'sandbox' })
  expect(denied('2001:db8::1', 80)?.target).toBe('[2001:db8::1]:80')
})

test('what is broken, or names no target, is no denial', () => {
  expect(toDenial(new Refusal(502, 'No answer', { target: { host: 'a.example', port: 443 } }))).toBeNull()
  expect(toDenial(new Refusal(403, 'No'))).toBeNull()
})
