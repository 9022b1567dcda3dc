import { expect, test } from 'vitest'
import { openServers } from '../servers.ts'
import { toCodexServers } from './servers.ts'
import type { Route } from '../../core/enclosure.ts'
import { openEnclosure, sampleAgentEnv } from '../../core/testing/env.ts'

test('a server over HTTP is reached through the gateway, which holds its token and headers', () => {
  const routes: Route[] = []
  const env = sampleAgentEnv({
    credentials: { HUB: 'secret-token' },
    enclosure: {
      ...openEnclosure,
      walled: true,
      open(route) {
        routes.push(route)
        return { url: `http://gateway/${route.name}`, placeholder: 'placeholder' }
      },
    },
  })
  const url = 'https://hub.example.com/mcp'
  const servers = {
    Hub: { url, headers: { 'X-Team': 'secret-team' }, bearer_token_env_var: 'HUB' },
    hub: { url, bearer_token_env_var: 'MISSING' },
    notes: { command: '/usr/bin/notes' },
  }
  const opened = toCodexServers(openServers(servers, { tools: [] }, env), true)
  expect(routes).toEqual([
    {
      name: 'mcp-0-hub',
      dialect: 'mcp',
      upstream: url,
      credential: { kind: 'bearer', secret: 'secret-token' },
      headers: { 'X-Team': 'secret-team' },
    },
    { name: 'mcp-1-hub', dialect: 'mcp', upstream: url, credential: null, headers: {} },
  ])
  expect(opened['Hub']).toMatchObject({ url: 'http://gateway/mcp-0-hub', http_headers: { Authorization: 'Bearer placeholder' } })
  // Codex gives a server of its own only few variables: the way to the outside has to be among them.
  expect(opened['notes']).toMatchObject({ command: '/usr/bin/notes', env_vars: expect.arrayContaining(['HTTPS_PROXY', 'NO_PROXY']) })
  expect(JSON.stringify(opened)).not.toMatch(/secret|example/)
  expect(toCodexServers(openServers({ notes: servers.notes }, { tools: [] }, env), false)['notes']).not.toHaveProperty('env_vars')
})
