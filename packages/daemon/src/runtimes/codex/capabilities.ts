import type { Capabilities } from '@codesdkd/protocol'
import type { ImplicitSource } from '../../core/ports.ts'

export const codexCapabilities: Capabilities = {
  runtime: 'codex-sdk',
  supports_streaming: true,
  supports_tool_calls: true,
  supports_parallel_tool_calls: true,
  supports_stop: true,
  supports_artifacts: true,
  supports_session_create: true,
  supports_session_resume: true,
  supports_usage_reporting: true,
  supports_non_interactive: true,
  supports_steer: true,
  supports_questions: true,
  supports_host_tools: true,
  supports_attachments: true,
  supports_deny_reason: true,
  supports_output_schema: 'native',
  confinement: 'sandbox',
  max_outstanding_tool_calls: null,
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
    'In a session with trustWorkspace, rules that the workspace carries may let commands run without a question.',
    'Tools of MCP servers that call themselves read-only run without a question, in every permission mode.',
    'Models that write their calls as code do not show whether a command asks to leave the sandbox: only its justification tells.',
    "Where the daemon's sandbox does not hold the agent, Codex has its own: in mode ask, when that refuses a command or patch that was approved, Codex does it once more outside the sandbox, without a further question.",
    'Of models that write their calls as code, a command that this sandbox refuses at once shows only in the output of the script that called it; in mode auto every question of theirs is taken for a wish to leave it.',
  ],
}

export const codexSources: readonly ImplicitSource[] = [
  { names: ['AGENTS.override.md', 'AGENTS.md'], parents: true, needsTrust: true },
  { names: ['.codex/config.toml'], parents: true, needsTrust: true },
]
