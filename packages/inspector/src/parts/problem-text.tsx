import type { ReadonlySignal } from '@preact/signals'

/** Why something did not work, told at once to those who cannot see it. */
export function ProblemText({ text }: { readonly text: ReadonlySignal<string | null> }) {
  return (
    <p class="problem" role="alert" hidden={text.value === null}>
      {text.value}
    </p>
  )
}
