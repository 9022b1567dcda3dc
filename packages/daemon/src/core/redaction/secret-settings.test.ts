import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hideSecrets, revealSecrets, toSecrets } from './secret-settings.ts'

const servers = {
  base_url: 'http://model',
  mcp_servers: {
    remote: { url: 'http://hub', headers: { authorization: 'Bearer abc', accept: 'codesdkd-secret:0' } },
    local: { command: 'run', env: { TOKEN: 'def' } },
  },
}

test('headers and variables are taken out, everything else stays, and all of it comes back', () => {
  const hidden = hideSecrets(servers)
  expect(hidden.secrets).toEqual(['Bearer abc', 'codesdkd-secret:0', 'def'])
  expect(JSON.stringify(hidden.settings)).not.toMatch(/abc|def/)
  expect(hidden.settings).toMatchObject({ base_url: 'http://model', mcp_servers: { local: { command: 'run' } } })
  expect(revealSecrets(hidden)).toEqual(servers)
})

test('whatever the settings are, what toSecrets tells of is gone, and comes back', () => {
  const { settings } = fc.letrec((tie) => ({
    text: fc.string({ minLength: 6 }).map((text) => `~${text}`),
    value: fc.oneof(
      { maxDepth: 4 },
      tie('text'),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('settings'),
    ),
    settings: fc.dictionary(fc.constantFrom('env', 'headers', 'http_headers', 'a', '7', '__proto__'), tie('value'), {
      noNullPrototype: true,
    }),
  }))
  fc.assert(
    fc.property(settings, (given) => {
      const config = given as Readonly<Record<string, unknown>>
      const hidden = hideSecrets(config)
      expect(hidden.secrets).toEqual(toSecrets(config))
      expect(toSecrets(hidden.settings).filter((text) => text.startsWith('~'))).toEqual([])
      expect(revealSecrets(hidden)).toEqual(config)
    }),
  )
})
