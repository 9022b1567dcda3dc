import { Problem, type CreateSession, type ForkOrigin, type IsolationLevel, type Payload, type PermissionMode } from '@codesdkd/protocol'
import type { Clock, NewId, Runtime, SessionRecord } from './ports.ts'
import { checkSessionEnv } from './session-env.ts'
import { toSandboxSettings, type CheckRoot, type SandboxRules } from './session-sandbox.ts'

/** What this daemon lets a request choose, and what it chooses itself. */
export interface SessionRules extends SandboxRules {
  readonly defaultRuntime: string
  readonly defaultPermissionMode: PermissionMode
  readonly maxPermissionMode: PermissionMode
  readonly defaultCwd: string
  /** False with `--no-shared`. */
  readonly sharedAllowed: boolean
}

export interface RecordOptions {
  readonly rules: SessionRules
  readonly runtime: Runtime
  readonly clock: Clock
  readonly newId: NewId
  readonly checkCwd: (cwd: string) => Promise<string>
  readonly checkRoot: CheckRoot
  readonly idempotency: SessionRecord['idempotency']
}

/** From the most careful to the least. */
const modes: readonly PermissionMode[] = ['ask', 'auto', 'yolo']

/** A request for a session -> what is fixed at its creation. Throws the problems of `POST /sessions`. */
export async function toRecord(
  request: CreateSession,
  { rules, runtime, clock, newId, checkCwd, checkRoot, idempotency }: RecordOptions,
): Promise<SessionRecord> {
  const permissionMode = request.permission_mode ?? rules.defaultPermissionMode
  checkPermissionMode(permissionMode, rules)
  const credentialNamespace = request.credential_namespace ?? 'default'
  const isolationLevel = toIsolationLevel(request.isolation_level, credentialNamespace, rules)
  const { supported_isolation_modes: supported, recommended_isolation_mode, confinement } = runtime.capabilities
  const isolationMode = request.isolation_mode ?? recommended_isolation_mode
  if (!supported.includes(isolationMode)) {
    throw new Problem('unsupported_isolation_mode', `The runtime ${runtime.name} does not run ${isolationMode}.`, {
      members: { runtime: runtime.name, allowed: supported },
    })
  }
  checkSessionEnv(request.env ?? {})
  const runtimeConfig = request.runtime_config ?? {}
  const cwd = await checkCwd(request.cwd ?? rules.defaultCwd)
  const sandbox = await toSandboxSettings({ ...request, cwd }, rules, checkRoot)
  return {
    sessionId: `sess_${newId()}`,
    runtime: runtime.name,
    createdAt: clock.now(),
    model: request.model ?? null,
    permissionMode,
    escalation: request.escalation ?? 'deny',
    cwd,
    credentialNamespace,
    isolationLevel,
    isolationMode,
    confinement: sandbox.walled ? 'sandbox' : confinement,
    sandbox,
    trustWorkspace: request.trust_workspace ?? false,
    runtimeConfig: runtime.parseConfig?.(runtimeConfig) ?? runtimeConfig,
    approvalTimeoutMs: request.approval_timeout_ms ?? null,
    title: request.title ?? null,
    metadata: request.metadata ?? {},
    archived: false,
    generation: 0,
    withheld: [],
    forkedFrom: null,
    idempotency,
  }
}

/** Throws `permission_mode_not_allowed` for a mode above the maximum of the daemon. */
export function checkPermissionMode(mode: PermissionMode, { maxPermissionMode }: SessionRules): void {
  const allowed = modes.slice(0, modes.indexOf(maxPermissionMode) + 1)
  if (allowed.includes(mode)) return
  throw new Problem('permission_mode_not_allowed', `This daemon allows permission modes up to ${maxPermissionMode}.`, {
    members: { allowed },
  })
}

/** The first event of a session: its settings, of its variables the names alone. */
export function toCreated(record: SessionRecord, envNames: readonly string[]): Payload<'session.created'> {
  return {
    contract_version: 1,
    runtime: record.runtime,
    model: record.model,
    permission_mode: record.permissionMode,
    escalation: record.escalation,
    cwd: record.cwd,
    credential_namespace: record.credentialNamespace,
    isolation_level: record.isolationLevel,
    isolation_mode: record.isolationMode,
    confinement: record.confinement,
    sandbox: {
      mode: record.sandbox.mode,
      writable_roots: [...record.sandbox.writableRoots],
      readable_roots: [...record.sandbox.readableRoots],
      network: { allow: [...record.sandbox.networkAllow] },
    },
    trust_workspace: record.trustWorkspace,
    env_names: envNames.toSorted(),
    runtime_config: { ...record.runtimeConfig },
    title: record.title,
    metadata: { ...record.metadata },
    ...(record.forkedFrom === null ? {} : { forked_from: toForkOrigin(record.forkedFrom) }),
  }
}

export function toForkOrigin({ sessionId, afterSeq }: NonNullable<SessionRecord['forkedFrom']>): ForkOrigin {
  return { session_id: sessionId, after_seq: afterSeq }
}

function toIsolationLevel(wish: IsolationLevel | undefined, namespace: string, { sharedAllowed }: SessionRules): IsolationLevel {
  const mayShare = sharedAllowed && namespace === 'default'
  const allowed: readonly IsolationLevel[] = mayShare ? ['shared', 'namespaced', 'ephemeral'] : ['namespaced', 'ephemeral']
  if (wish === undefined) return mayShare ? 'shared' : 'namespaced'
  if (allowed.includes(wish)) return wish
  if (!sharedAllowed) throw new Problem('isolation_not_allowed', 'This daemon keeps every namespace private.', { members: { allowed } })
  throw new Problem('invalid_request', 'isolationLevel "shared" belongs to the namespace "default" alone.', {
    members: { field: 'isolation_level', allowed },
  })
}
