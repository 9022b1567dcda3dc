import type { Approval, OpenQuestion } from '@codesdkd/protocol'
import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { approvals, loaded, questions, sessions } from '../model/daemon-store.ts'
import { toClock, toFolder } from '../model/format.ts'
import { go, toHash } from '../model/route.ts'
import { onKeys } from '../model/shortcuts.ts'
import { CallDetail } from '../parts/call-detail.tsx'
import { DecisionForm } from '../parts/decision-form.tsx'
import { QuestionForm } from '../parts/question-form.tsx'

type Entry =
  | { readonly kind: 'approval'; readonly key: string; readonly at: string; readonly approval: Approval }
  | { readonly kind: 'question'; readonly key: string; readonly at: string; readonly question: OpenQuestion }

/** Everything that waits for a person, in any session, the oldest first. */
export function InboxView() {
  const list = useRef<HTMLOListElement>(null)
  const chosen = useSignal<string | null>(null)
  const entries = useComputed(() =>
    [...approvals.value.map(toApproval), ...questions.value.map(toQuestion)].toSorted((a, b) => a.at.localeCompare(b.at)),
  )
  useEffect(() => {
    const element = () => list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(chosen.value ?? '')}"]`) ?? null
    const move = (by: number) => {
      const index = entries.value.findIndex(({ key }) => key === chosen.value)
      const next = entries.value[Math.min(Math.max(index + by, 0), entries.value.length - 1)]
      chosen.value = next?.key ?? null
      element()?.focus()
    }
    return onKeys({
      j: () => move(1),
      k: () => move(-1),
      a: () => element()?.querySelector<HTMLButtonElement>('.approve')?.click(),
      d: () => element()?.querySelector<HTMLInputElement>('input[type=text]')?.focus(),
      o() {
        const entry = entries.value.find(({ key }) => key === chosen.value)
        if (entry !== undefined) go({ page: 'session', sessionId: toSessionId(entry), tab: 'timeline' })
      },
    })
  }, [])
  return (
    <section class="page" aria-labelledby="inbox">
      <h1 id="inbox">Inbox</h1>
      {entries.value.length === 0 && <p class="empty">{loaded.value ? 'Nothing waits for you.' : 'Reading …'}</p>}
      <ol class="inbox" ref={list}>
        {entries.value.map((entry) => (
          <li
            key={entry.key}
            data-key={entry.key}
            tabIndex={-1}
            class={`call pending ${entry.key === chosen.value ? 'chosen' : ''}`}
            onFocusCapture={() => (chosen.value = entry.key)}
          >
            <EntryHead entry={entry} />
            {entry.kind === 'approval' ? <ApprovalBody approval={entry.approval} /> : <QuestionBody question={entry.question} />}
          </li>
        ))}
      </ol>
    </section>
  )
}

function EntryHead({ entry }: { readonly entry: Entry }) {
  const sessionId = toSessionId(entry)
  const session = sessions.value.get(sessionId)
  const { runtime, expires_at } = entry.kind === 'approval' ? entry.approval : entry.question
  return (
    <p>
      <a href={toHash({ page: 'session', sessionId, tab: 'timeline' })}>
        {session?.title ?? (session === undefined ? sessionId : toFolder(session.cwd))}
      </a>{' '}
      · {runtime} · asked {toClock(entry.at)}
      {expires_at === null ? '' : ` · denied by itself ${toClock(expires_at)}`}
    </p>
  )
}

function ApprovalBody({ approval }: { readonly approval: Approval }) {
  return (
    <>
      <h2>
        <span class="kind">{approval.kind}</span> {approval.title}
      </h2>
      <CallDetail call={approval} />
      <DecisionForm sessionId={approval.session_id} identity={approval} call={approval} />
    </>
  )
}

function QuestionBody({ question: { session_id, question_id, title, schema } }: { readonly question: OpenQuestion }) {
  return (
    <>
      <h2>{title}</h2>
      <QuestionForm sessionId={session_id} questionId={question_id} schema={schema} />
    </>
  )
}

function toApproval(approval: Approval): Entry {
  const { session_id, tool_call_id, attempt, asked_at } = approval
  return { kind: 'approval', key: `${session_id} ${tool_call_id} ${attempt}`, at: asked_at, approval }
}

function toQuestion(question: OpenQuestion): Entry {
  return { kind: 'question', key: `${question.session_id} ${question.question_id}`, at: question.asked_at, question }
}

function toSessionId(entry: Entry): string {
  return entry.kind === 'approval' ? entry.approval.session_id : entry.question.session_id
}
