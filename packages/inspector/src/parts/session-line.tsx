import type { Session, SessionPhase } from '@codesdkd/protocol'
import { toDate, toFolder } from '../model/format.ts'
import { toHash } from '../model/route.ts'

/** What a phase is called, where its name does not say it. */
const words: Readonly<Partial<Record<SessionPhase, string>>> = {
  waiting_approval: 'waits for approval',
  waiting_input: 'waits for an answer',
}

export function PhaseBadge({ phase }: { readonly phase: SessionPhase }) {
  return <span class={`phase ${phase}`}>{words[phase] ?? phase}</span>
}

/** One line of the list of sessions. */
export function SessionLine({ session, current }: { readonly session: Session; readonly current: boolean }) {
  const { session_id, title, cwd, runtime, phase, created_at } = session
  return (
    <a
      class="session"
      href={toHash({ page: 'session', sessionId: session_id, tab: 'timeline' })}
      aria-current={current ? 'page' : undefined}
    >
      <strong>{title ?? toFolder(cwd)}</strong>
      <PhaseBadge phase={phase} />
      <small>
        {runtime} · {toDate(created_at)}
      </small>
    </a>
  )
}
