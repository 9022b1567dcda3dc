import type { Capabilities } from '@codesdkd/protocol'
import { mapStrings } from '../core/redaction/json-strings.ts'
import type { SessionRecord } from '../core/ports.ts'

const MiB = 1024 * 1024

/** What a bundle may hold, in bytes before compression. */
export const bundleLimits = { total: 50 * MiB, events: 24 * MiB, transcripts: 8 * MiB, artifact: 8 * MiB, concurrent: 2 } as const

/** Why an artifact was left out. */
export type SkipReason = 'foreign' | 'too_large' | 'total_limit' | 'may_hold_secrets' | 'unreadable'

export interface BundleManifest {
  readonly bundle_version: 1
  readonly generated_at: string
  readonly session_id: string
  readonly task_id: string | null
  readonly runtime: string
  readonly daemon_version: string
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[]
  /** The newest events that fit; `omitted` older ones are left out. */
  readonly events: { readonly first_seq: number; readonly last_seq: number; readonly omitted: number }
  readonly tool_transcripts: { readonly included: number; readonly omitted: number }
  readonly artifacts: {
    readonly included: readonly { readonly artifact_id: string; readonly content_type: string; readonly size: number }[]
    readonly skipped: readonly { readonly artifact_id: string; readonly reason: SkipReason }[]
  }
  /** How often each rule hid something. */
  readonly redactions: Readonly<Record<string, number>>
}

export function toBundleFileName(sessionId: string, taskId: string | null): string {
  return `codesdk-support-bundle-${sessionId}${taskId === null ? '' : `-${taskId}`}.tar.gz`
}

/** The session's settings. */
export function toRuntimeConfig(record: SessionRecord) {
  return {
    runtime: record.runtime,
    model: record.model,
    permission_mode: record.permissionMode,
    escalation: record.escalation,
    approval_timeout_ms: record.approvalTimeoutMs,
    cwd: record.cwd,
    runtime_config: record.runtimeConfig,
  }
}

/** Where the agent runs. Of variables only the names, ever. */
export function toRuntimeEnv(
  record: SessionRecord,
  envNames: readonly string[],
  host: { readonly platform: string; readonly arch: string; readonly release: string },
) {
  return {
    ...host,
    env_names: envNames.toSorted(),
    credential_namespace: record.credentialNamespace,
    isolation_level: record.isolationLevel,
    isolation_mode: record.isolationMode,
    confinement: record.confinement,
  }
}

/** Which MCP servers the session configures and how they are reached; of their settings nothing else. */
export function toMcpTransports(record: SessionRecord, capabilities: Pick<Capabilities, 'mcp_support' | 'mcp_transports'> | null) {
  const { mcp_servers, mcpServers = mcp_servers } = record.runtimeConfig
  const servers = typeof mcpServers === 'object' && mcpServers !== null ? Object.entries(mcpServers) : []
  return {
    mcp_support: capabilities?.mcp_support ?? null,
    mcp_transports: capabilities?.mcp_transports ?? [],
    servers: servers.map(([name, server]: [string, unknown]) => ({ name, transport: toTransport(server) })),
  }
}

function toTransport(server: unknown): 'stdio' | 'sse' | 'streamable_http' | 'unknown' {
  if (typeof server !== 'object' || server === null) return 'unknown'
  if ('command' in server) return 'stdio'
  if (!('url' in server)) return 'unknown'
  return 'type' in server && server.type === 'sse' ? 'sse' : 'streamable_http'
}

/** Everything in an event that claims to be the id of an artifact. */
export function artifactRefs(event: unknown): readonly string[] {
  const refs: string[] = []
  mapStrings(event, (text, name) => {
    if (name !== null && /^(?:artifact_id|\w+_ref)$/.test(name)) refs.push(text)
    return text
  })
  return refs
}
