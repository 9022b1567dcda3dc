import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { shortcutsOn, switchShortcuts } from '../model/shortcuts.ts'

export const helpOpen = signal(false)

const keys = [
  ['s', 'the sessions'],
  ['i', 'the inbox'],
  ['n', 'a new session'],
  ['h', 'health'],
  ['j, k', 'in the inbox: the next, the one before'],
  ['a', 'in the inbox: approve the chosen one'],
  ['d', 'in the inbox: write why it is denied; Enter denies'],
  ['o', 'in the inbox: open its session'],
  ['?', 'this list'],
] as const

/** What the keys do. */
export function HelpDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (helpOpen.value) dialog.current?.showModal()
    else dialog.current?.close()
  }, [helpOpen.value])
  return (
    <dialog ref={dialog} aria-labelledby="help" onClose={() => (helpOpen.value = false)}>
      <h2 id="help">Keys</h2>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label>
        <input type="checkbox" checked={shortcutsOn.value} onChange={({ currentTarget }) => switchShortcuts(currentTarget.checked)} />{' '}
        Single keys do this
      </label>
      <p>
        <button type="button" onClick={() => (helpOpen.value = false)}>
          Close
        </button>
      </p>
    </dialog>
  )
}
