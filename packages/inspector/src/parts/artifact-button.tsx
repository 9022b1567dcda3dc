import { useSignal } from '@preact/signals'
import { client } from '../model/client.ts'
import { saveAnswer } from '../model/download.ts'
import { LongText } from './long-text.tsx'
import { ProblemText } from './problem-text.tsx'
import { useAction } from './use-action.ts'

interface ArtifactButtonProps {
  readonly artifactId: string
  readonly label: string
}

/** An artifact: shown where it is text, or saved. */
export function ArtifactButton({ artifactId, label }: ArtifactButtonProps) {
  const text = useSignal<string | null>(null)
  const { run, busy, error } = useAction()
  const show = () => run(async () => (text.value = await (await client.getArtifact(artifactId)).text()))
  const save = () => run(async () => saveAnswer(await client.downloadArtifact(artifactId), artifactId))
  return (
    <div class="artifact">
      <span>{label}</span>
      <button type="button" class="plain" disabled={busy.value} aria-label={`Show ${label}`} onClick={show}>
        Show
      </button>
      <button type="button" class="plain" disabled={busy.value} aria-label={`Save ${label}`} onClick={save}>
        Save
      </button>
      <ProblemText text={error} />
      {text.value !== null && <LongText text={text.value} look="code" />}
    </div>
  )
}
