import { isUtf8 } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { Problem } from '@codesdkd/protocol'
import type { BundleStage } from './stage.ts'
import type { ArtifactMeta, ArtifactStore } from '../core/ports.ts'
import { redactDeeply, type FindSecrets, type Redactor } from '../core/redaction/redactor.ts'
import { bundleLimits, type BundleManifest, type SkipReason } from './contents.ts'

/** Redaction is done in pieces of about this many characters, so that the daemon answers in between. */
const PIECE = 256 * 1024
/** Pieces of bytes overlap by more than any shape of a secret that is searched for. */
const OVERLAP = 32 * 1024
/** Foreign ids that are listed. */
const MAX_FOREIGN = 100

interface BundleArtifactsOptions {
  readonly artifacts: Pick<ArtifactStore, 'list' | 'content'>
  readonly stage: BundleStage
  readonly redactor: Redactor
  /** Redacts what is then thrown away: only whether it found anything counts. */
  readonly probe: Redactor
  readonly find: FindSecrets
  readonly signal: AbortSignal
}

type Chosen = BundleManifest['artifacts']

/** Puts a session's own artifacts into its bundle: texts redacted, other bytes only when nothing secret is seen in them. */
export function createBundleArtifacts(options: BundleArtifactsOptions): {
  add(sessionId: string, refs: ReadonlySet<string>): Promise<Chosen>
} {
  return {
    async add(sessionId, refs) {
      const included: Chosen['included'][number][] = []
      const skipped: Chosen['skipped'][number][] = []
      const own = options.artifacts.list(sessionId)
      for (const meta of own) {
        const reason = await addArtifact(meta, options)
        if (reason === null) included.push({ artifact_id: meta.artifactId, content_type: meta.contentType, size: meta.size })
        else skipped.push({ artifact_id: meta.artifactId, reason })
      }
      const ownIds = new Set(own.map(({ artifactId }) => artifactId))
      const foreign = [...refs].filter((ref) => !ownIds.has(ref)).slice(0, MAX_FOREIGN)
      return {
        included,
        skipped: [
          ...skipped,
          ...foreign.map((ref) => ({ artifact_id: options.redactor.text(ref.slice(0, 64)), reason: 'foreign' as const })),
        ],
      }
    },
  }
}

async function addArtifact(
  meta: ArtifactMeta,
  { artifacts, stage, redactor, probe, find, signal }: BundleArtifactsOptions,
): Promise<SkipReason | null> {
  if (meta.size > bundleLimits.artifact) return 'too_large'
  if (stage.size + meta.size > bundleLimits.total) return 'total_limit'
  const content = await contentOf(artifacts, meta)
  if (content === null) return 'unreadable'
  const name = `artifacts/${meta.artifactId}.bin`
  if (isUtf8(content)) {
    await stage.add(name, redactPieces(Buffer.from(content).toString(), redactor, find))
    return null
  }
  if (await showsSecrets(Buffer.from(content).toString('latin1'), probe, signal)) return 'may_hold_secrets'
  await stage.add(name, [content])
  return null
}

async function contentOf(artifacts: Pick<ArtifactStore, 'content'>, { artifactId }: ArtifactMeta): Promise<Uint8Array | null> {
  try {
    return await artifacts.content(artifactId)
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

async function* redactPieces(text: string, redactor: Redactor, find: FindSecrets): AsyncIterable<string> {
  for (let from = 0; from < text.length;) {
    const to = pieceEnd(text, from)
    const [piece] = await redactDeeply([text.slice(from, to)], redactor, find)
    yield String(piece)
    from = to
    await setImmediate()
  }
}

/** Pieces end behind a line, or where else no secret is cut, and not within a private key: one of its lines alone looks like nothing. */
function pieceEnd(text: string, from: number): number {
  if (text.length - from <= PIECE) return text.length
  const ends = ['\n', ',', ' '].map((mark) => text.lastIndexOf(mark, from + PIECE) + 1)
  const end = ends.find((place) => place > from) ?? from + PIECE
  const key = text.lastIndexOf('-----BEGIN ', end)
  return key > from && text.lastIndexOf('-----END ', end) < key ? key : end
}

async function showsSecrets(text: string, probe: Redactor, signal: AbortSignal): Promise<boolean> {
  for (let from = 0; from < text.length; from += PIECE) {
    signal.throwIfAborted()
    const piece = text.slice(from, from + PIECE + OVERLAP)
    if (probe.text(piece) !== piece) return true
    await setImmediate()
  }
  return false
}
