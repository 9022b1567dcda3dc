import type { CreateSession, PermissionMode, RuntimeSummary } from '@codesdkd/protocol'
import { signal, useSignal, type Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { client } from '../model/client.ts'
import { refreshSession } from '../model/daemon-store.ts'
import { toPrompt } from '../model/images.ts'
import { go } from '../model/route.ts'
import { createPictures, ImagePicker } from '../parts/image-picker.tsx'
import { ProblemText } from '../parts/problem-text.tsx'
import { useAction } from '../parts/use-action.ts'

const modes: readonly (readonly [PermissionMode, string])[] = [
  ['ask', 'ask: nothing with an effect runs unasked'],
  ['auto', 'auto: what stays inside the sandbox runs'],
  ['yolo', 'yolo: everything runs'],
]

/** Starts a session, and its first task where there is a prompt. */
export function NewView() {
  const { run, busy, error } = useAction()
  const runtimes = useSignal<readonly RuntimeSummary[]>([])
  const fields = useMemo(() => ({ runtime: signal(''), model: signal(''), mode: signal('ask'), cwd: signal(''), prompt: signal('') }), [])
  const pictures = useMemo(createPictures, [])
  useEffect(() => {
    run(async () => {
      const { runtimes: all } = await client.listRuntimes()
      runtimes.value = all
      fields.runtime.value = all.find((one) => one.default)?.runtime ?? all[0]?.runtime ?? ''
    })
  }, [])
  const start = () =>
    run(async () => {
      const { session_id } = await client.createSession(toSession(fields))
      const content = toPrompt(fields.prompt.value, pictures.chosen.value)
      if (content.length > 0) await client.startTask(session_id, { messages: [{ role: 'user', content: [...content] }] })
      await refreshSession(session_id)
      go({ page: 'session', sessionId: session_id, tab: 'timeline' })
    })
  return (
    <section class="page" aria-labelledby="new">
      <h1 id="new">New session</h1>
      <form
        class="new"
        onSubmit={(event) => {
          event.preventDefault()
          start()
        }}
        onPaste={({ clipboardData }) => void pictures.add(clipboardData?.files ?? [])}
      >
        <label>
          Runtime
          <select value={fields.runtime.value} onChange={({ currentTarget }) => (fields.runtime.value = currentTarget.value)}>
            {runtimes.value.map(({ runtime, healthy }) => (
              <option key={runtime} value={runtime}>
                {healthy ? runtime : `${runtime} (not ready)`}
              </option>
            ))}
          </select>
        </label>
        <label>
          Mode
          <select value={fields.mode.value} onChange={({ currentTarget }) => (fields.mode.value = currentTarget.value)}>
            {modes.map(([mode, text]) => (
              <option key={mode} value={mode}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <Text label="Folder on the daemon's machine" placeholder="empty: where the daemon was started" value={fields.cwd} />
        <Text label="Model" placeholder="empty: the agent chooses" value={fields.model} />
        <label class="wide">
          Prompt
          <textarea rows={5} value={fields.prompt.value} onInput={({ currentTarget }) => (fields.prompt.value = currentTarget.value)} />
        </label>
        <ImagePicker pictures={pictures} />
        <button type="submit" class="approve" disabled={busy.value}>
          Start
        </button>
        <ProblemText text={error} />
      </form>
    </section>
  )
}

function Text({ label, placeholder, value }: { readonly label: string; readonly placeholder: string; readonly value: Signal<string> }) {
  return (
    <label>
      {label}
      <input
        type="text"
        placeholder={placeholder}
        value={value.value}
        onInput={({ currentTarget }) => (value.value = currentTarget.value)}
      />
    </label>
  )
}

interface Fields {
  readonly runtime: Signal<string>
  readonly model: Signal<string>
  readonly mode: Signal<string>
  readonly cwd: Signal<string>
}

function toSession({ runtime, model, mode, cwd }: Fields): CreateSession {
  return {
    runtime: runtime.value,
    permission_mode: modes.find(([one]) => one === mode.value)?.[0] ?? 'ask',
    ...(model.value.trim() === '' ? {} : { model: model.value.trim() }),
    ...(cwd.value.trim() === '' ? {} : { cwd: cwd.value.trim() }),
  }
}
