import { Problem } from '@codesdkd/protocol'
import { expect, test } from 'vitest'
import { parseCodexConfig, toArguments, toPermissions } from './config.ts'

test('takes both spellings, and nothing it does not know', () => {
  expect(parseCodexConfig({ reasoningEffort: 'high', stream_idle_timeout_ms: 1000 })).toEqual({
    reasoning_effort: 'high',
    stream_idle_timeout_ms: 1000,
  })
  const refused = [
    { sandbox_mode: 'danger-full-access' },
    { approval_policy: 'never' },
    { reasoning_effort: 5 },
    { base_url: 'file:///etc' },
    { base_url: 'http://user:secret@host/v1' },
    { env_key: 'A=B' },
    { mcp_servers: { x: { command: 'a', default_tools_approval_mode: 'approve' } } },
    { mcp_servers: { 'a.b': { command: 'a' } } },
    { __proto__x: 1 },
  ]
  for (const config of refused) expect(() => parseCodexConfig(config)).toThrow(Problem)
})

const launch = { cwd: '/a "b"/.x', trustWorkspace: false, model: undefined, reasoningEffort: undefined, provider: null, mark: 'mark' }
const flags = (args: readonly string[]) => args.filter((_, index) => args[index - 1] === '-c')

test('no workspace is trusted, and what is not set is left to Codex', () => {
  const args = toArguments(launch)
  expect(args[0]).toBe('app-server')
  expect(flags(args)).toContain('projects={ "/a \\"b\\"/.x" = { "trust_level" = "untrusted" } }')
  expect(args.join(' ')).not.toMatch(/model/)
  expect(flags(toArguments({ ...launch, trustWorkspace: true })).join(' ')).toContain('"trust_level" = "trusted"')
})

test('a provider of our own is used when there is one; commands see nothing of what is for Codex alone', () => {
  const provider = { name: 'OpenAI', base_url: 'http://127.0.0.1:8080/model', env_key: 'CODEX_GATEWAY_KEY', request_max_retries: undefined }
  const args = flags(toArguments({ ...launch, provider }))
  expect(args).toContain('model_provider="codesdkd"')
  expect(args).toContain('model_providers.codesdkd.env_key="CODEX_GATEWAY_KEY"')
  expect(args.join(' ')).not.toContain('request_max_retries')
  expect(args).toContain('shell_environment_policy.exclude=["CODEX_*"]')
})

test.each(['ask', 'auto', 'yolo'] as const)("behind the wall Codex's own sandbox is off in mode %s", (mode) => {
  const { policy, sandbox, sandboxPolicy } = toPermissions(mode, { walled: true, scratch: '/scratch' })
  expect([sandbox, sandboxPolicy]).toEqual(['danger-full-access', { type: 'externalSandbox', networkAccess: 'enabled' }])
  expect(policy).toBe(mode === 'yolo' ? 'never' : 'untrusted')
})
