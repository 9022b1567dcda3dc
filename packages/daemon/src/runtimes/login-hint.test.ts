import { expect, test } from 'vitest'
import { toLoginHint } from './login-hint.ts'

test.each([
  [
    { shared: true, credentialNamespace: 'default' },
    'KEY',
    true,
    'Run "codesdkd agents login x", or store a key (KEY) with "codesdkd keys set x".',
  ],
  [
    { shared: false, credentialNamespace: 'team' },
    'KEY',
    true,
    'Run "codesdkd agents login x --namespace team", or store a key (KEY) with "codesdkd keys set x --namespace team".',
  ],
  [{ shared: false, credentialNamespace: 'team' }, null, true, 'Run "codesdkd agents login x --namespace team".'],
  [{ shared: false }, 'KEY', false, 'Store a key (KEY) with "codesdkd keys set x".'],
  [{ shared: false }, null, false, 'There is no way to log in to x from here.'],
] as const)('%o with %s', (env, variable, command, hint) => {
  expect(toLoginHint({ alias: 'x', env, variable, command })).toBe(hint)
})
