import type { Event } from '@codesdkd/protocol'
import { useSignal } from '@preact/signals'
import { toClock, toCount, toJson } from '../model/format.ts'
import type { SessionLog } from '../model/session-log.ts'
import { VirtualList } from '../parts/virtual-list.tsx'
import { Code } from '../parts/code.tsx'

/** Every event as it stands in the log, with search. */
export function EventsView({ log }: { readonly log: SessionLog }) {
  void log.version.value
  const search = useSignal('')
  const found = useSignal<readonly Event[] | null>(null)
  const events = found.value ?? log.events()
  const look = () => {
    const wanted = search.value.trim().toLowerCase()
    found.value = wanted === '' ? null : log.events().filter((event) => JSON.stringify(event).toLowerCase().includes(wanted))
  }
  return (
    <>
      <form
        class="row search"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          look()
        }}
      >
        <input
          type="search"
          aria-label="Search events"
          placeholder="A type, a seq, any text"
          value={search.value}
          onInput={({ currentTarget }) => {
            search.value = currentTarget.value
            if (currentTarget.value === '') look()
          }}
        />
        <button type="submit">Search</button>
        <span role="status">{found.value === null ? '' : `${toCount(found.value.length)} found`}</span>
      </form>
      <VirtualList items={events} keyOf={(event) => String(event.seq)} estimate={34} label="Events" follow={found.value === null}>
        {(event) => <EventLine event={event} />}
      </VirtualList>
    </>
  )
}

function EventLine({ event }: { readonly event: Event }) {
  const open = useSignal(false)
  return (
    <details class="event" onToggle={({ currentTarget }) => (open.value = currentTarget.open)}>
      <summary>
        <span class="number">{event.seq}</span> <time datetime={event.time}>{toClock(event.time)}</time> <code>{event.type}</code>{' '}
        <small>{JSON.stringify(event.payload).slice(0, 160)}</small>
      </summary>
      {open.value && <Code>{toJson(event)}</Code>}
    </details>
  )
}
