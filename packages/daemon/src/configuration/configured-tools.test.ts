import { expect, test } from 'vitest'
import { toMcpServers, toolSecrets, toTools } from './configured-tools.ts'

const env = { PATH: 'relative:/usr/bin:/bin', TOKEN: 'token-of-a-server' }
const tool = {
  name: 'hello',
  description: 'Greets.',
  input_schema: { type: 'object' },
  permission: 'write',
  run: { command: ['sh', '-c', ':'] },
}

test('programs are absolute once they are read, and defaults filled in', () => {
  expect(toTools([tool], env)).toMatchObject([
    { timeout_ms: 600_000, run: { command: [expect.stringMatching(/^\/.*bin\/sh$/), '-c', ':'], env: {}, output_limit: 1024 ** 2 } },
  ])
  expect(toTools(undefined, env)).toEqual([])
})

test.each([
  [{ ...tool, name: 'no name' }, 'config file key tools.0.name: must be'],
  [{ ...tool, permission: undefined }, 'config file key tools.0.permission: '],
  [{ ...tool, colour: 'red' }, 'config file key tools.0: '],
  [{ ...tool, run: 'echo hello' }, 'config file key tools.0.run: must be {command, …} or {url, …}'],
  [{ ...tool, run: { command: ['no-such-program'] } }, 'config file key tools.0.run.command: there is no program no-such-program'],
  [{ ...tool, run: { command: ['./sh'] } }, 'config file key tools.0.run.command: there is no program ./sh'],
  [{ ...tool, run: { url: 'file:///etc/passwd' } }, 'config file key tools.0.run'],
])('refuses %j', (entry, message) => {
  expect(() => toTools([entry], env)).toThrow(message)
})

test('a name is there once', () => {
  expect(() => toTools([tool, { ...tool, name: 'HELLO' }], env)).toThrow('tools.1.name: another tool is called HELLO')
})

test('the token of a server comes from the environment, and is a secret as all headers are', () => {
  const servers = toMcpServers({ far: { url: 'https://example.com/mcp', bearer_env: 'TOKEN', headers: { mode: 'fast' } } }, env)
  expect(servers).toMatchObject([{ name: 'far', headers: { authorization: 'Bearer token-of-a-server', mode: 'fast' } }])
  expect(toolSecrets([], servers)).toEqual(['Bearer token-of-a-server', 'token-of-a-server'])
  expect(() => toMcpServers({ far: { url: 'https://example.com/mcp', bearer_env: 'NONE' } }, env)).toThrow('NONE is not set')
  expect(() => toMcpServers({ 'far away': { url: 'https://example.com/mcp' } }, env)).toThrow('config file key mcp_servers.far away')
})
