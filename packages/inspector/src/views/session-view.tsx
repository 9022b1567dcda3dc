import { useEffect, useMemo } from 'preact/hooks'
import { client } from '../model/client.ts'
import { forgetSession, refreshSession, sessions } from '../model/daemon-store.ts'
import { saveAnswer } from '../model/download.ts'
import { toCount, toFolder } from '../model/format.ts'
import { go, tabs, toHash, type Tab } from '../model/route.ts'
import { openSessionLog, type SessionLog } from '../model/session-log.ts'
import { Composer } from '../parts/composer.tsx'
import { ConnectionBanner } from '../parts/connection-banner.tsx'
import { ItemView } from '../parts/item-view.tsx'
import { ProblemText } from '../parts/problem-text.tsx'
import { ReplayBar } from '../parts/replay-bar.tsx'
import { PhaseBadge } from '../parts/session-line.tsx'
import { useAction } from '../parts/use-action.ts'
import { VirtualList } from '../parts/virtual-list.tsx'
import { EventsView } from './events-view.tsx'
import { FilesView } from './files-view.tsx'
import { TimeView } from './time-view.tsx'

const titles: Readonly<Record<Tab, string>> = { timeline: 'Timeline', time: 'Time', files: 'Files', events: 'Events' }

/** One session, live. */
export function SessionView({ sessionId, tab }: { readonly sessionId: string; readonly tab: Tab }) {
  const log = useMemo(() => openSessionLog(sessionId), [sessionId])
  useEffect(() => () => log[Symbol.dispose](), [log])
  return (
    <section class="session-page" aria-label="Session">
      <Head log={log} />
      <ConnectionBanner connection={log.connection.value} />
      <ProblemText text={log.failure} />
      <nav class="tabs" aria-label="Parts of the session">
        {tabs.map((one) => (
          <a key={one} href={toHash({ page: 'session', sessionId, tab: one })} aria-current={one === tab ? 'page' : undefined}>
            {titles[one]}
          </a>
        ))}
        <Progress log={log} />
      </nav>
      <Part log={log} tab={tab} />
    </section>
  )
}

function Part({ log, tab }: { readonly log: SessionLog; readonly tab: Tab }) {
  switch (tab) {
    case 'timeline':
      return <TimelinePart log={log} />
    case 'time':
      return <TimeView log={log} />
    case 'files':
      return <FilesView log={log} />
    case 'events':
      return <EventsView log={log} />
    default:
      return tab satisfies never
  }
}

function TimelinePart({ log }: { readonly log: SessionLog }) {
  // The timeline grows in place: what is read here counts for this version.
  void log.version.value
  const { items, running } = log.timeline()
  const session = sessions.value.get(log.sessionId)
  const takesTasks = session !== undefined && session.phase !== 'closed' && !session.archived && session.read_only !== true
  return (
    <>
      <VirtualList items={items} keyOf={(item) => item.key} estimate={90} label="Timeline" follow>
        {(item) => <ItemView item={item} sessionId={log.sessionId} />}
      </VirtualList>
      {takesTasks && <Composer sessionId={log.sessionId} running={running !== null} />}
    </>
  )
}

/** How far a long log has come. */
function Progress({ log }: { readonly log: SessionLog }) {
  void log.version.value
  const all = sessions.value.get(log.sessionId)?.last_seq ?? 0
  const here = log.events().length
  return (
    <span class="progress" data-live={log.connection.value.phase === 'live'}>
      {log.connection.value.phase === 'replaying' && here < all ? `${toCount(here)} of ${toCount(all)} events` : `${toCount(here)} events`}
    </span>
  )
}

function Head({ log }: { readonly log: SessionLog }) {
  void log.version.value
  const { run, busy, error } = useAction()
  const { sessionId } = log
  const session = sessions.value.get(sessionId)
  const { running, usage } = log.timeline()
  const readOnly = session?.read_only === true
  const archive = () =>
    run(async () => {
      await client.updateSession(sessionId, { archived: session?.archived !== true })
      await refreshSession(sessionId)
    })
  const remove = () => {
    if (!confirm('Delete this session with its log and its artifacts?')) return
    run(async () => {
      await client.deleteSession(sessionId, { stop: true })
      forgetSession(sessionId)
      go({ page: 'sessions' })
    })
  }
  const window = usage?.context_window
  return (
    <header class="head">
      <div>
        <h1>{session?.title ?? (session === undefined ? sessionId : toFolder(session.cwd))}</h1>
        {session !== undefined && (
          <p>
            <PhaseBadge phase={session.phase} /> {session.runtime}
            {session.model === null ? '' : ` · ${session.model}`} · mode {session.permission_mode} · <code>{session.cwd}</code>
            {usage !== null && usage.input_tokens !== null && ` · ${toCount(usage.input_tokens)} tokens in`}
            {window == null ? '' : ` of ${toCount(window)}`}
          </p>
        )}
      </div>
      <div class="row">
        {running !== null && !readOnly && (
          <button type="button" class="deny" disabled={busy.value} onClick={() => run(() => client.stopTask(sessionId, running.taskId))}>
            Stop
          </button>
        )}
        <button
          type="button"
          disabled={busy.value}
          onClick={() => run(async () => saveAnswer(await client.getSupportBundle(sessionId), `${sessionId}.tar.gz`))}
        >
          Support bundle
        </button>
        {!readOnly && (
          <>
            <button type="button" disabled={busy.value || running !== null} onClick={archive}>
              {session?.archived === true ? 'Take back' : 'Archive'}
            </button>
            <button type="button" disabled={busy.value} onClick={remove}>
              Delete
            </button>
          </>
        )}
      </div>
      <ProblemText text={error} />
      {readOnly && <ReplayBar sessionId={sessionId} shown={log.events().length} />}
    </header>
  )
}
