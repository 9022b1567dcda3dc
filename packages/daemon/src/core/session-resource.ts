import type { Session } from '@codesdkd/protocol'
import type { SessionRecord } from './ports.ts'
import { toForkOrigin } from './session-record.ts'

/** The wire shape of a session. */
export function toSession(
  record: SessionRecord,
  live: { runtimeSessionId: string | null; phase: Session['phase']; lastSeq: number },
): Session {
  return {
    session_id: record.sessionId,
    runtime: record.runtime,
    runtime_session_id: live.runtimeSessionId,
    created_at: record.createdAt,
    model: record.model,
    permission_mode: record.permissionMode,
    cwd: record.cwd,
    credential_namespace: record.credentialNamespace,
    isolation_level: record.isolationLevel,
    phase: live.phase,
    last_seq: live.lastSeq,
    title: record.title,
    metadata: { ...record.metadata },
    archived: record.archived,
    forked_from: record.forkedFrom === null ? null : toForkOrigin(record.forkedFrom),
  }
}
