import type { Session } from '@codesdkd/protocol'
import { useComputed, useSignal } from '@preact/signals'
import { loaded, sessions } from '../model/daemon-store.ts'
import { SessionLine } from '../parts/session-line.tsx'
import { VirtualList } from '../parts/virtual-list.tsx'

/** All sessions: those that wait for a person first, then those that work, then the newest. */
export function SessionsView({ current }: { readonly current: string | undefined }) {
  const search = useSignal('')
  const archived = useSignal(false)
  const shown = useComputed(() => {
    const wanted = search.value.toLowerCase()
    return [...sessions.value.values()]
      .filter((session) => session.archived === archived.value && (wanted === '' || toSearchText(session).includes(wanted)))
      .toSorted((a, b) => rank(a) - rank(b) || b.created_at.localeCompare(a.created_at))
  })
  return (
    <nav class="sessions" aria-label="Sessions">
      <div class="row">
        <input
          type="search"
          aria-label="Search sessions"
          placeholder="Search"
          value={search.value}
          onInput={({ currentTarget }) => (search.value = currentTarget.value)}
        />
        <label>
          <input type="checkbox" checked={archived.value} onChange={({ currentTarget }) => (archived.value = currentTarget.checked)} />{' '}
          Archived
        </label>
      </div>
      {shown.value.length === 0 && <p class="empty">{loaded.value ? 'No sessions here.' : 'Reading the sessions …'}</p>}
      <VirtualList items={shown.value} keyOf={(session) => session.session_id} estimate={62} label="List of sessions">
        {(session) => <SessionLine session={session} current={session.session_id === current} />}
      </VirtualList>
    </nav>
  )
}

function rank({ phase }: Session): number {
  if (phase === 'waiting_approval' || phase === 'waiting_input') return 0
  return phase === 'idle' || phase === 'closed' ? 2 : 1
}

function toSearchText({ title, cwd, runtime, session_id, model }: Session): string {
  return [title, cwd, runtime, session_id, model].join(' ').toLowerCase()
}
