import { createHash } from 'node:crypto'
import { credentialNamespace, uploadArtifact } from '@codesdkd/protocol'
import * as z from 'zod'
import type { Recording } from '../core/recording.ts'
import { noSandbox } from '../core/session-sandbox.ts'
import { parseJson, toSettings } from './bundle-json.ts'
import { invalid, readArchive } from './read-archive.ts'
import { readEvents } from './read-events.ts'

const text = z.string().max(1_024)
const manifestSchema = z.object({
  bundle_version: z.literal(1, 'was made by another version of the daemon'),
  // It becomes part of paths, of the data directory and of HTTP.
  session_id: z.string().regex(/^sess_[0-9a-f]{32}$/, 'is no id of a session'),
  runtime: text,
  daemon_version: text,
  generated_at: z.iso.datetime(),
  files: z.array(z.object({ name: text, size: z.int().nonnegative(), sha256: text })).max(100_000),
  events: z.object({ first_seq: z.int().min(1), last_seq: z.int().min(1) }),
  artifacts: z.object({ included: z.array(z.object({ artifact_id: text, content_type: text })).max(100_000) }),
})
type Manifest = z.infer<typeof manifestSchema>

/** Reads a bundle as somebody sent it. Rejects with `StartFailure`: invalid_bundle, and then says in one line what is wrong. */
export async function readBundle(path: string): Promise<Recording> {
  const files = await readArchive(path)
  const manifest = parseJson('manifest.json', required(files, 'manifest.json'), manifestSchema)
  checkFiles(files, manifest)
  const { session_id: sessionId, events: range } = manifest
  const events = readEvents(required(files, 'events.jsonl'), { sessionId, first: range.first_seq, last: range.last_seq })
  const [first] = events
  if (first === undefined) throw invalid('it holds no event')
  const settings = toSettings(first.event, required(files, 'runtime-config.json'), required(files, 'runtime-env.json'))
  const namespace = credentialNamespace.safeParse(settings.credential_namespace)
  return {
    record: {
      sessionId,
      runtime: 'replay',
      createdAt: first.event.time,
      model: settings.model,
      permissionMode: settings.permission_mode,
      escalation: settings.escalation,
      cwd: settings.cwd,
      // Where redaction has hidden its name there is no namespace of that name.
      credentialNamespace: namespace.data ?? 'default',
      isolationLevel: settings.isolation_level,
      isolationMode: settings.isolation_mode,
      confinement: settings.confinement,
      sandbox: noSandbox,
      trustWorkspace: settings.trust_workspace ?? false,
      runtimeConfig: settings.runtime_config,
      approvalTimeoutMs: null,
      title: settings.title ?? null,
      metadata: settings.metadata ?? {},
      archived: false,
      generation: 0,
      withheld: [],
      forkedFrom:
        settings.forked_from === undefined
          ? null
          : { sessionId: settings.forked_from.session_id, afterSeq: settings.forked_from.after_seq },
      idempotency: null,
    },
    events,
    artifacts: manifest.artifacts.included.map(({ artifact_id, content_type }) => ({
      artifactId: artifact_id,
      // It becomes a header.
      contentType: uploadArtifact.shape.content_type.safeParse(content_type).data ?? 'application/octet-stream',
      content: required(files, `artifacts/${artifact_id}.bin`),
    })),
    origin: { runtime: manifest.runtime, daemonVersion: manifest.daemon_version, generatedAt: manifest.generated_at },
  }
}

function required(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const content = files.get(name)
  if (content === undefined) throw invalid(`${JSON.stringify(name)} is missing`)
  return content
}

/** What the manifest says is there, as it says, and nothing else: a bundle that was changed on its way shows nothing that happened. */
function checkFiles(files: ReadonlyMap<string, Uint8Array>, { files: listed, artifacts }: Manifest): void {
  const names = new Set(['manifest.json'])
  for (const { name, size, sha256 } of listed) {
    const content = required(files, name)
    if (names.has(name)) throw invalid(`the manifest lists ${JSON.stringify(name)} twice`)
    if (content.byteLength !== size || createHash('sha256').update(content).digest('hex') !== sha256)
      throw invalid(`${JSON.stringify(name)} is not what the manifest says of it`)
    names.add(name)
  }
  const surplus = [...files.keys()].find((name) => !names.has(name))
  if (surplus !== undefined) throw invalid(`the manifest does not list ${JSON.stringify(surplus)}`)
  const ids = artifacts.included.map(({ artifact_id }) => artifact_id)
  if (new Set(ids).size !== ids.length) throw invalid('the manifest lists an artifact twice')
}
