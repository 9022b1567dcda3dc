import type { Capabilities } from '@codesdkd/protocol'
import { RuntimeFailure, type Runtime } from '../../core/ports.ts'
import type { SupportedRuntime } from '../index.ts'

const name = 'replay'

/** What it can is to show: nothing runs. */
const capabilities: Capabilities = {
  runtime: name,
  supports_streaming: true,
  supports_tool_calls: false,
  supports_parallel_tool_calls: false,
  supports_stop: false,
  supports_artifacts: true,
  supports_session_create: false,
  supports_session_resume: false,
  supports_usage_reporting: false,
  supports_non_interactive: false,
  supports_steer: false,
  supports_questions: false,
  supports_host_tools: false,
  supports_attachments: false,
  supports_deny_reason: false,
  supports_output_schema: 'validated',
  confinement: 'none',
  max_outstanding_tool_calls: 0,
  auth_model: 'none',
  tool_execution_model: 'runtime',
  permission_model: 'none',
  state_model: 'daemon_owned',
  resume_model: 'none',
  tool_replay_safety: 'never_replayed',
  mcp_support: 'none',
  mcp_transports: [],
  cancellation_model: 'kill',
  supported_isolation_modes: ['in_process'],
  recommended_isolation_mode: 'in_process',
  notes: ['It shows the events of a support bundle. There is no agent, and no call runs again.'],
}

const auth = { logged_in: true, auth_model: 'none' } as const

/** Sessions whose log comes from a support bundle: there is no agent to open. */
function createReplayRuntime(): Runtime {
  return {
    name,
    capabilities,
    credentialVariables: [],
    toKeyEndpoints: () => [],
    secretVariables: () => [],
    homeVariables: [],
    health: async () => ({ ok: true, runtime: name, version: null, installed: true, auth }),
    authStatus: async () => ({ ok: true, runtime: name, ...auth }),
    async open() {
      throw new RuntimeFailure({ code: 'agent_start_failed', message: 'A replay has no agent.', retryable: false })
    },
  }
}

/** The runtimes of a daemon that replays. */
export const replayRuntimes: ReadonlyMap<string, SupportedRuntime> = new Map([
  [name, { create: createReplayRuntime, findExecutable: async () => null, packages: [], login: null }],
])
