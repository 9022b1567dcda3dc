import type { Logger } from 'pino'
import type { ProblemCode, SandboxMode } from '@codesdkd/protocol'
import type { OwnArtifacts } from '../core/own-log.ts'
import type { BundleOperations, RuntimeOperations, SessionOperations } from '../core/operations.ts'
import type { EventLog, NewId } from '../core/ports.ts'
import type { TokenRegistry } from './token-registry.ts'

/** Everything the HTTP edge needs; the composition root hands it to `createHttpServer`. */
export interface HttpContext {
  readonly listen: ListenAddress
  readonly access: AccessRules
  readonly limits: HttpLimits
  readonly daemon: DaemonInfo
  readonly sessions: SessionOperations
  readonly runtimes: RuntimeOperations
  readonly bundles: BundleOperations
  readonly log: EventLog
  readonly artifacts: OwnArtifacts
  readonly tokens: Tokens
  readonly metrics: HttpMetrics
  /** Told of requests that are a part of somebody's trace. */
  readonly tracing: { arrived(requestId: string, traceparent: string | undefined): void }
  /** The agents this daemon started: none of their processes may use the API. */
  readonly agents: () => readonly AgentProcess[]
  readonly newId: NewId
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** A TCP address (port 0 lets the system choose), or the path of a Unix socket in a directory of ours alone. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string }

export interface AccessRules {
  readonly auth: 'same-user' | 'token' | 'none'
  /** Further values of `Host`, port included where there is one. */
  readonly allowedHosts: readonly string[]
  /** Origins (`https://hub.example`) that may call from a browser. */
  readonly allowedOrigins: readonly string[]
  /** `''`, or a prefix like `/codesdkd` that a proxy may or may not strip. */
  readonly basePath: string
}

/** The tokens there are: who is behind each, and those that are made here. */
export type Tokens = Pick<TokenRegistry, 'isMinted' | 'find' | 'mint' | 'revoke'>

export interface HttpLimits {
  /** Bytes of a request body, and of one that starts a task. */
  readonly bodyBytes: number
  readonly taskBodyBytes: number
  readonly sseClients: number
  /** Milliseconds between keep-alive comments on a quiet stream. */
  readonly keepAliveMs: number
  /** Milliseconds after which a client that takes nothing of what is written to it is closed. */
  readonly stallMs: number
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 1024 ** 2,
  taskBodyBytes: 8 * 1024 ** 2,
  sseClients: 2_000,
  keepAliveMs: 15_000,
  stallMs: 60_000,
}

/** What the daemon says of itself in `/`, `/status` and `/readyz`. */
export interface DaemonInfo {
  readonly version: string
  readonly startedAt: string
  /** Milliseconds that the steps of the start-up took. */
  readonly startup: Readonly<Record<string, number>>
  /** While it is `stopping`, new work is refused with 503. */
  state(): 'starting' | 'ready' | 'stopping'
  /** Limits that hold behind the edge, in snake_case, for `/status`. */
  readonly limits: Readonly<Record<string, number>>
  readonly sandbox: SandboxInfo
  issues(): readonly Issue[]
}

/** The wall around agents: what was asked for, and whether this machine has one. */
export interface SandboxInfo {
  readonly mode: SandboxMode
  readonly available: boolean
  /** Null where there is none. */
  readonly kind: 'bubblewrap' | 'seatbelt' | null
  /** Why there is none, and what mends it. */
  readonly reason?: string
  readonly remedy?: string
}

/** Something the owner of the daemon should know. */
export interface Issue {
  readonly kind: IssueKind
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly hint: string | null
}

export const issueKinds = [
  'auth_off',
  'unconfined',
  'running_as_root',
  'sandbox_off',
  'sandbox_unavailable',
  'agent_not_installed',
  'agent_not_logged_in',
  'agent_version_untested',
  'storage_failing',
  'storage_gap',
  'leftovers_ended',
  'mcp_server_failing',
  'tokens_file_unusable',
] as const
export type IssueKind = (typeof issueKinds)[number]

/** The part of the metrics registry that the edge reports to and renders. */
export interface HttpMetrics {
  /** False without `--metrics`: `/metrics` is then 404 `metrics_unavailable`. */
  readonly enabled: boolean
  readonly contentType: string
  render(): Promise<string>
  sseClients(open: number): void
  denied(code: ProblemCode): void
}

export interface AgentProcess {
  /** Null once it has ended: the number may belong to another process by now, while its mark lives on in what it left behind. */
  readonly pid: number | null
  /** Value of `CODESDKD_PROCESS` in its environment. */
  readonly mark: string
}
