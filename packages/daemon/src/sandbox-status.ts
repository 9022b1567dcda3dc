import type { Capabilities, Confinement, SandboxMode } from '@codesdkd/protocol'
import type { WallPresence } from './core/session-sandbox.ts'
import type { Issue, SandboxInfo } from './http/context.ts'
import type { WallState } from './sandbox/wall.ts'

export type { SandboxInfo }

/** What core has to know of the wall. */
export function toPresence(state: WallState): WallPresence {
  return state.wall === null ? { available: false, reason: state.reason, remedy: state.remedy } : { available: true }
}

/** What `GET /status` tells of the wall. */
export function toSandboxInfo(mode: SandboxMode, state: WallState): SandboxInfo {
  if (state.wall !== null) return { mode, available: true, kind: state.wall.kind }
  return { mode, available: false, kind: null, reason: state.reason, remedy: state.remedy }
}

/** What holds for a session that asks for nothing: the wall where there is one, else what the agent has of its own. */
export function toConfinement({ mode, available }: SandboxInfo): (capabilities: Capabilities) => Confinement {
  return ({ confinement }) => (mode !== 'off' && available ? 'sandbox' : confinement)
}

/** What the owner of the daemon should know about the ground that agents run on. `uid` is that of the daemon; null where there is none. */
export function toSandboxIssues({ mode, available, reason, remedy }: SandboxInfo, uid: number | null): readonly Issue[] {
  const issues: Issue[] = []
  const warn = (kind: Issue['kind'], message: string, hint: string | null) => issues.push({ kind, severity: 'warning', message, hint })
  if (uid === 0) warn('running_as_root', 'The daemon runs as root, and so do its agents.', 'Run it as an ordinary user.')
  if (mode === 'off') warn('sandbox_off', 'No agent is in a sandbox: --sandbox off.', 'Start the daemon without it.')
  else if (!available) warn('sandbox_unavailable', `Agents run without a sandbox: ${reason ?? ''}`.trimEnd(), remedy ?? null)
  return issues
}
