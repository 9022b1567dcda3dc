import type { SessionLog } from '../model/session-log.ts'
import type { FileChange, Item } from '../model/timeline.ts'
import { ArtifactButton } from '../parts/artifact-button.tsx'
import { FileView } from '../parts/call-view.tsx'

/** What changed, and the artifacts that the log names. */
export function FilesView({ log }: { readonly log: SessionLog }) {
  void log.version.value
  const { items, artifacts } = log.timeline()
  const changes = items.flatMap(toChanges)
  return (
    <div class="page" tabIndex={0} role="region" aria-label="Files and artifacts">
      <h2>Changes</h2>
      {changes.length === 0 && <p class="empty">No file was changed.</p>}
      {changes.slice(-SHOWN).map((file, index) => (
        <FileView key={index} file={file} />
      ))}
      <h2>Artifacts</h2>
      {artifacts.length === 0 && <p class="empty">There are none.</p>}
      <ul>
        {artifacts.slice(-SHOWN).map(({ artifactId, what, seq }) => (
          <li key={`${seq} ${artifactId}`}>
            <ArtifactButton artifactId={artifactId} label={`${what}, event ${seq}`} />
          </li>
        ))}
      </ul>
    </div>
  )
}

/** The newest; all of them stand in the timeline. */
const SHOWN = 500

function toChanges(item: Item): readonly FileChange[] {
  if (item.kind === 'file') return [item.file]
  return item.kind === 'call' ? item.files : []
}
