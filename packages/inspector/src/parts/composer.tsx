import type { WhenBusy } from '@codesdkd/protocol'
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { client } from '../model/client.ts'
import { toPrompt } from '../model/images.ts'
import { createPictures, ImagePicker } from './image-picker.tsx'
import { ProblemText } from './problem-text.tsx'
import { useAction } from './use-action.ts'

interface ComposerProps {
  readonly sessionId: string
  /** The task that runs: what comes now waits for it, or joins it. */
  readonly running: boolean
}

/** Starts the next task of a session. */
export function Composer({ sessionId, running }: ComposerProps) {
  const { run, busy, error } = useAction()
  const text = useSignal('')
  const whenBusy = useSignal<WhenBusy>('queue')
  const pictures = useMemo(createPictures, [])
  const send = () => {
    const content = toPrompt(text.value, pictures.chosen.value)
    if (content.length === 0) return
    run(async () => {
      const messages = [{ role: 'user' as const, content: [...content] }]
      await client.startTask(sessionId, { messages, ...(running ? { when_busy: whenBusy.value } : {}) })
      text.value = ''
      pictures.chosen.value = []
    })
  }
  return (
    <form
      class="composer"
      aria-label="Next task"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
      onPaste={({ clipboardData }) => void pictures.add(clipboardData?.files ?? [])}
    >
      <textarea
        rows={2}
        aria-label="Prompt"
        placeholder={running ? 'What else? It waits, or joins what runs.' : 'What is to be done? Ctrl+Enter sends it.'}
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
          event.preventDefault()
          send()
        }}
      />
      <div class="row">
        <ImagePicker pictures={pictures} />
        {running && (
          <label>
            While it runs{' '}
            <select
              value={whenBusy.value}
              onChange={({ currentTarget }) => (whenBusy.value = currentTarget.value === 'steer' ? 'steer' : 'queue')}
            >
              <option value="queue">wait</option>
              <option value="steer">join in</option>
            </select>
          </label>
        )}
        <button type="submit" class="approve" disabled={busy.value}>
          Send
        </button>
      </div>
      <ProblemText text={error} />
    </form>
  )
}
