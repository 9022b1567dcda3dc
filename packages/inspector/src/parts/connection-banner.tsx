import type { Connection } from '@codesdkd/client'

/** Tells that what is shown may be old. It goes by itself: the stream catches up. */
export function ConnectionBanner({ connection }: { readonly connection: Connection }) {
  return (
    <div role="status" class="banner" hidden={connection.phase !== 'lost'}>
      {connection.phase === 'lost' && 'The connection to the daemon is lost. It is tried again; nothing is missed.'}
    </div>
  )
}
