import type { SandboxMode } from '@codesdkd/protocol'

/** `GET /`: who answers. */
export interface About {
  ok: true
  name: 'codesdkd'
  version: string
  runtimes: string[]
  default_runtime: string
  links: Record<string, string>
}

/** `GET /status`: the daemon about itself. */
export interface Status {
  ok: true
  name: 'codesdkd'
  version: string
  state: 'starting' | 'ready' | 'stopping'
  /** Tags to test for before relying on what they name. */
  features: string[]
  auth: 'same-user' | 'token' | 'none'
  started_at: string
  startup_ms: Record<string, number>
  limits: Record<string, number>
  sandbox: {
    mode: SandboxMode
    available: boolean
    kind: 'bubblewrap' | 'seatbelt' | null
    reason?: string | undefined
    remedy?: string | undefined
  }
  counts: {
    sessions_loaded: number
    tasks_running: number
    tasks_queued: number
    approvals_pending: number
    agents_live: number
  }
  storage: { ok: boolean; log_id: string; last_cursor: number; sessions: number; events: number; bytes: number }
  issues: Issue[]
}

export interface Issue {
  /** The list of kinds is closed in a daemon, and grows with its versions. */
  kind: string
  severity: 'info' | 'warning' | 'error'
  message: string
  hint: string | null
}
