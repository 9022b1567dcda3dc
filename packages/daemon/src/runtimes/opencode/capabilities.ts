import type { Capabilities } from '@codesdkd/protocol'
import type { ImplicitSource } from '../../core/ports.ts'

export const openCodeCapabilities: Capabilities = {
  runtime: 'opencode-server',
  supports_streaming: true,
  supports_tool_calls: true,
  supports_parallel_tool_calls: false,
  supports_stop: true,
  supports_artifacts: true,
  supports_session_create: true,
  supports_session_resume: true,
  supports_usage_reporting: true,
  supports_non_interactive: true,
  supports_steer: false,
  supports_questions: false,
  supports_host_tools: true,
  supports_attachments: true,
  supports_deny_reason: true,
  supports_output_schema: 'validated',
  confinement: 'tool_paths',
  max_outstanding_tool_calls: 1,
  auth_model: 'login_or_api_key',
  tool_execution_model: 'runtime',
  permission_model: 'request',
  state_model: 'runtime_owned',
  resume_model: 'native',
  tool_replay_safety: 'never_replayed',
  mcp_support: 'native',
  mcp_transports: ['stdio', 'streamable_http'],
  cancellation_model: 'interrupt',
  supported_isolation_modes: ['subprocess'],
  recommended_isolation_mode: 'subprocess',
  notes: [
    'Calls of one answer run side by side, but OpenCode puts them to a person one after the other.',
    'Subagents are switched off: over ACP nobody could answer what they ask.',
    'A rejection ends the turn of OpenCode; the same task goes on with a prompt that carries the reason.',
    "Shell commands are confined by the daemon's sandbox alone. The password of OpenCode's own server is in its memory alone, so that a command cannot answer a question by itself; a command that may read the memory of other processes of its user could.",
    "Of OpenCode's own login only keys of known providers count; they stay outside, as those of variables do.",
    'Searching needs a ripgrep (rg) on the PATH: OpenCode is kept from downloading one.',
    'In a session with trustWorkspace, plugins of the workspace run inside OpenCode: they can change a command after it was approved.',
  ],
}

export const openCodeSources: readonly ImplicitSource[] = [
  { names: ['AGENTS.md', 'CLAUDE.md', 'CONTEXT.md'], parents: false, needsTrust: false },
  { names: ['opencode.jsonc', 'opencode.json'], parents: true, needsTrust: true },
]
