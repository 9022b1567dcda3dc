import type { CallItem, FileChange } from '../model/timeline.ts'
import { toDuration } from '../model/format.ts'
import { ArtifactButton } from './artifact-button.tsx'
import { CallDetail } from './call-detail.tsx'
import { DecisionForm } from './decision-form.tsx'
import { DiffView } from './diff-view.tsx'
import { LongText } from './long-text.tsx'

/** One attempt of a tool call: what it would do, who decided, what came of it. */
export function CallView({ item, sessionId }: { readonly item: CallItem; readonly sessionId: string }) {
  const { call, phase, result, output, outputRef, decision } = item
  const waits = phase === 'pending'
  return (
    <article class={`call ${phase} ${result?.is_error === true ? 'failed' : ''}`} data-call={item.identity.tool_call_id}>
      <header>
        <span class="kind">{call.kind}</span> <strong>{call.title}</strong> <span class="outcome">{toOutcome(item)}</span>
      </header>
      {waits ? <CallDetail call={call} /> : <Folded item={item} />}
      {waits && <DecisionForm sessionId={sessionId} identity={item.identity} call={call} />}
      {decision?.reason !== undefined && <p class="why">{decision.reason}</p>}
      {output !== '' && <LongText text={output} look="code" />}
      {outputRef !== undefined && <ArtifactButton artifactId={outputRef} label="the whole output" />}
      {result?.confinement_denials?.map(({ kind, target, reason }) => (
        <p class="warning" key={target}>
          The sandbox refused {kind === 'network' ? 'a connection to' : 'the file'} {target}: {reason}
        </p>
      ))}
      {item.files.map((file) => (
        <FileView key={`${file.path} ${file.change}`} file={file} />
      ))}
    </article>
  )
}

/** A file that changed, with its diff. */
export function FileView({ file }: { readonly file: FileChange }) {
  const { path, change, moved_to, diff, diff_ref } = file
  return (
    <div class="file">
      <p>
        <span class="kind">{change}</span> <code>{path}</code>
        {moved_to !== undefined && (
          <>
            {' '}
            to <code>{moved_to}</code>
          </>
        )}
      </p>
      {diff !== undefined && diff !== '' && <DiffView diff={diff} label={path} />}
      {diff_ref !== undefined && <ArtifactButton artifactId={diff_ref} label={`the diff of ${path}`} />}
    </div>
  )
}

/** What was asked for stays at hand, folded away once it is decided; a diff of it is shown as the change that it became. */
function Folded({ item: { call, files } }: { readonly item: CallItem }) {
  const { diff: _shown, ...rest } = call
  return (
    <details>
      <summary>{call.name}</summary>
      <CallDetail call={files.length === 0 ? call : rest} />
    </details>
  )
}

const deciders: Readonly<Record<string, string>> = { user: 'a person', policy: 'the policy', runtime: 'the agent', daemon: 'the daemon' }

function toOutcome({ phase, decision, result }: CallItem): string {
  const by = decision === null ? '' : ` by ${decision.actor ?? deciders[decision.by] ?? decision.by}`
  switch (phase) {
    case 'requested':
      return 'asked for'
    case 'pending':
      return 'waits for you'
    case 'approved':
      return `approved${by}`
    case 'denied':
      return `denied${by}`
    case 'started':
      return 'runs'
    case 'completed': {
      const exit = typeof result?.exit_code === 'number' ? `exit ${result.exit_code}` : result?.is_error === true ? 'failed' : 'done'
      return result?.duration_ms == null ? exit : `${exit} after ${toDuration(result.duration_ms)}`
    }
    default:
      return phase satisfies never
  }
}
