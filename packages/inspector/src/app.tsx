import { useEffect } from 'preact/hooks'
import { locked } from './model/client.ts'
import { approvals, connection, failure, followDaemon, questions } from './model/daemon-store.ts'
import { go, route, toHash, type Route } from './model/route.ts'
import { onKeys } from './model/shortcuts.ts'
import { theme, themes } from './model/theme.ts'
import { ConnectionBanner } from './parts/connection-banner.tsx'
import { ProblemText } from './parts/problem-text.tsx'
import { HealthView } from './views/health-view.tsx'
import { HelpDialog, helpOpen } from './views/help-dialog.tsx'
import { InboxView } from './views/inbox-view.tsx'
import { NewView } from './views/new-view.tsx'
import { SessionView } from './views/session-view.tsx'
import { SessionsView } from './views/sessions-view.tsx'
import { TokenView } from './views/token-view.tsx'

/** The page: the bar, the list of sessions, and what was chosen. */
export function App() {
  return locked.value ? <TokenView /> : <Unlocked />
}

function Unlocked() {
  useEffect(() => {
    const gone = new AbortController()
    void followDaemon(gone.signal)
    const release = onKeys({
      s: () => go({ page: 'sessions' }),
      i: () => go({ page: 'inbox' }),
      n: () => go({ page: 'new' }),
      h: () => go({ page: 'health' }),
      '?': () => (helpOpen.value = true),
    })
    return () => {
      gone.abort()
      release()
    }
  }, [])
  const shown = route.value
  return (
    <div class="shell" data-page={shown.page}>
      <Bar shown={shown} />
      <ConnectionBanner connection={connection.value} />
      <ProblemText text={failure} />
      <div class="columns">
        <SessionsView current={shown.page === 'session' ? shown.sessionId : undefined} />
        <main>
          <Shown route={shown} />
        </main>
      </div>
      <HelpDialog />
    </div>
  )
}

function Shown({ route: shown }: { readonly route: Route }) {
  switch (shown.page) {
    case 'sessions':
      return (
        <section class="page">
          <h1>Sessions</h1>
          <p>
            Choose one, or <a href={toHash({ page: 'new' })}>start one</a>.
          </p>
        </section>
      )
    case 'inbox':
      return <InboxView />
    case 'new':
      return <NewView />
    case 'health':
      return <HealthView />
    case 'session':
      return <SessionView key={shown.sessionId} sessionId={shown.sessionId} tab={shown.tab} />
    default:
      return shown satisfies never
  }
}

const links = [
  ['sessions', 'Sessions'],
  ['inbox', 'Inbox'],
  ['new', 'New'],
  ['health', 'Health'],
] as const

function Bar({ shown }: { readonly shown: Route }) {
  const waiting = approvals.value.length + questions.value.length
  return (
    <header class="top">
      <nav aria-label="Pages">
        {links.map(([page, text]) => (
          <a key={page} href={toHash({ page })} aria-current={shown.page === page ? 'page' : undefined}>
            {text}
            {page === 'inbox' && waiting > 0 && (
              <span class="count">
                {waiting} <span class="hidden">waiting</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <span class="hidden" role="status">
        {waiting === 0 ? '' : `${waiting} waiting for you`}
      </span>
      <select
        aria-label="Colours"
        value={theme.value}
        onChange={({ currentTarget }) => (theme.value = themes.find((one) => one === currentTarget.value) ?? 'system')}
      >
        {themes.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
      <button type="button" aria-label="Keys" onClick={() => (helpOpen.value = true)}>
        ?
      </button>
    </header>
  )
}
