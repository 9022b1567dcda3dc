import type { SessionRecord } from '../ports.ts'
import { noSandbox } from '../session-sandbox.ts'

/** A session as it was made; what a test does not mind about is the same everywhere. */
export function sampleRecord(sessionId: string, changes: Partial<SessionRecord> = {}): SessionRecord {
  return {
    sessionId,
    runtime: 'codex-sdk',
    createdAt: '2026-11-22T12:00:00.000Z',
    model: null,
    permissionMode: 'auto',
    escalation: 'deny',
    cwd: '/home/someone/project',
    credentialNamespace: 'default',
    isolationLevel: 'shared',
    isolationMode: 'subprocess',
    trustWorkspace: false,
    confinement: 'sandbox',
    sandbox: noSandbox,
    runtimeConfig: {},
    approvalTimeoutMs: null,
    title: null,
    metadata: {},
    archived: false,
    generation: 0,
    withheld: [],
    forkedFrom: null,
    idempotency: null,
    ...changes,
  }
}
