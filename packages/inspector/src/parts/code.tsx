import type { ComponentChildren } from 'preact'

/** Text as it is. It scrolls in itself where it is long, so the keyboard must reach it. */
export function Code({ children }: { readonly children: ComponentChildren }) {
  return (
    <pre class="code" tabIndex={0}>
      {children}
    </pre>
  )
}
