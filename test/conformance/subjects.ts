import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Capabilities } from '@codesdkd/protocol'
import { codexCapabilities } from '../../packages/daemon/src/runtimes/codex/capabilities.ts'
import type { FaultInput, ToolInput } from './script.ts'

export type SessionBody = Readonly<Record<string, unknown>>

/** All that the suite has to know of one runtime: its own words for things that every agent has. */
export interface Subject {
  readonly runtime: string
  readonly capabilities: Capabilities
  /** Body of a session whose model is behind this endpoint. */
  session(about: { readonly cwd: string; readonly endpoint: string }): SessionBody
  /** Names of its tools in the events. */
  readonly names: { readonly shell: string; readonly edit: string; mcp(server: string, tool: string): string }
  /** A call of a tool of an MCP server, as its model writes it. */
  mcpTool(server: string, tool: string, input: Readonly<Record<string, unknown>>): ToolInput
  /** The part of `runtimeConfig` that gives it MCP servers, by name. */
  mcpServers(servers: Readonly<Record<string, McpServer>>): SessionBody
  /** The part of `runtimeConfig` that names the variable with the provider's key. */
  providerKey(variable: string): SessionBody
  /** A variable of the daemon's environment whose value is a credential of this agent. */
  readonly credentialVariable: string
  /** The part of `runtimeConfig` with which it soon gives up an endpoint that says nothing. */
  readonly impatience: SessionBody
  /** How many bytes of a command's output it says itself that it left out. */
  omitted(output: string): { readonly bytes: number; readonly note: string }
  /** Failures that its provider tells in words of its own. */
  readonly faults: { readonly quotaUsedUp: FaultInput; readonly contextTooLarge: FaultInput }
  /** Writes the loosest configuration that a user of this agent could have, for the user and for the workspace. */
  allowEverything(home: string, workspace: string): Promise<void>
  /** Writes a login of the user, with this secret in it. */
  logIn(home: string, secret: string): Promise<void>
}

export type McpServer =
  | { readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly url: string }

export const codex: Subject = {
  runtime: 'codex-sdk',
  capabilities: codexCapabilities,
  session: ({ cwd, endpoint }) => ({
    runtime: 'codex-sdk',
    cwd,
    model: 'gpt-5.5',
    credentialNamespace: 'test',
    permissionMode: 'ask',
    runtimeConfig: { base_url: `${endpoint}/v1`, max_retries: 1 },
  }),
  names: { shell: 'shell', edit: 'apply_patch', mcp: (server, tool) => `mcp__${server}__${tool}` },
  mcpTool: (server, tool, input) => ({ tool: 'native', namespace: `mcp__${server}`, name: tool, input }),
  mcpServers: (servers) => ({ mcp_servers: servers }),
  providerKey: (variable) => ({ env_key: variable }),
  credentialVariable: 'OPENAI_API_KEY',
  impatience: { stream_idle_timeout_ms: 1_000 },
  omitted(output) {
    const [note = '', bytes = '0'] = /\n\.\.\. (\d+) bytes omitted \.\.\.\n/.exec(output) ?? []
    return { bytes: Number(bytes), note }
  },
  faults: {
    quotaUsedUp: {
      kind: 'status',
      status: 429,
      body: { error: { type: 'usage_limit_reached', message: 'The usage limit has been reached' } },
    },
    contextTooLarge: { kind: 'failed', code: 'context_length_exceeded', message: 'Your input exceeds the context window of this model.' },
  },
  async allowEverything(home, workspace) {
    const anything = `
approval_policy = "never"
sandbox_mode = "danger-full-access"
notify = ["touch", "${join(home, 'notified')}"]
[projects."${workspace}"]
trust_level = "trusted"
`
    const rules = ['touch', 'bash', '/bin/bash', 'sh'].map((program) => `prefix_rule(pattern=["${program}"], decision="allow")\n`).join('')
    for (const folder of [home, workspace]) {
      await mkdir(join(folder, '.codex', 'rules'), { recursive: true })
      await writeFile(join(folder, '.codex', 'config.toml'), anything)
      await writeFile(join(folder, '.codex', 'rules', 'default.rules'), rules)
    }
  },
  async logIn(home, secret) {
    await mkdir(join(home, '.codex'), { recursive: true })
    await writeFile(join(home, '.codex', 'auth.json'), JSON.stringify({ auth_mode: 'apikey', OPENAI_API_KEY: secret }), { mode: 0o600 })
  },
}
