import { Problem, type Artifact, type UploadArtifact } from '@codesdkd/protocol'
import { isText } from './attachments.ts'
import type { ArtifactMeta, ArtifactStore } from './ports.ts'

/** Of all artifacts of a session, so that nobody fills the disk with what no task names. Bytes. */
export const SESSION_LIMIT = 1024 ** 3

/**
 * Stores what a host has sent for a session. Known secrets in a text are masked, as in every artifact. Throws `payload_too_large`, `storage_unavailable`.
 */
export function upload(
  artifacts: ArtifactStore,
  sessionId: string,
  { data, content_type: contentType, name }: UploadArtifact,
  mask: (text: string) => string,
): Artifact {
  const sent = Buffer.from(data, 'base64')
  const bytes = isText(contentType) ? toMasked(sent, mask) : sent
  const present = artifacts.list(sessionId)
  const total = present.reduce((sum, { size }) => sum + size, 0)
  if (total + bytes.byteLength > SESSION_LIMIT) {
    throw new Problem('payload_too_large', `The artifacts of a session have at most ${SESSION_LIMIT} bytes.`, {
      members: { limit: SESSION_LIMIT, current: total, scope: 'session' },
    })
  }
  const meta = artifacts.put(sessionId, bytes, { contentType, ...(name === undefined ? {} : { name }) })
  return toArtifact(meta)
}

/** The same bytes where nothing is masked: a text need not be UTF-8. */
function toMasked(bytes: Buffer, mask: (text: string) => string): Buffer {
  const text = bytes.toString('utf8')
  const masked = mask(text)
  return masked === text ? bytes : Buffer.from(masked)
}

function toArtifact({ artifactId, sessionId, contentType, name, size, sha256, createdAt }: ArtifactMeta): Artifact {
  return { artifact_id: artifactId, session_id: sessionId, content_type: contentType, name, size, sha256, created_at: createdAt }
}
