import { useSignal } from '@preact/signals'
import { toCount } from '../model/format.ts'
import { Code } from './code.tsx'

/** Characters that a page shows at once without becoming slow. */
const SHOWN = 20_000

/** A text of any length: the end of it, and all of it on demand. */
export function LongText({ text, look }: { readonly text: string; readonly look: 'prose' | 'code' }) {
  const all = useSignal(false)
  const cut = !all.value && text.length > SHOWN
  return (
    <>
      {cut && (
        <button type="button" class="plain" onClick={() => (all.value = true)}>
          Show all {toCount(text.length)} characters
        </button>
      )}
      {look === 'code' ? <Code>{cut ? text.slice(-SHOWN) : text}</Code> : <p class="prose">{cut ? text.slice(-SHOWN) : text}</p>}
    </>
  )
}
