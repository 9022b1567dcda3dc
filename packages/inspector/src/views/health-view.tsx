import type { Status } from '@codesdkd/client'
import type { RuntimeSummary } from '@codesdkd/protocol'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { client } from '../model/client.ts'
import { toCount, toDate } from '../model/format.ts'
import { ProblemText } from '../parts/problem-text.tsx'
import { useAction } from '../parts/use-action.ts'

/** How the daemon and its runtimes are, and what to do where one is not ready. */
export function HealthView() {
  const { run, busy, error } = useAction()
  const status = useSignal<Status | null>(null)
  const runtimes = useSignal<readonly RuntimeSummary[]>([])
  const read = () =>
    run(async () => {
      const [daemon, { runtimes: all }] = await Promise.all([client.getStatus(), client.listRuntimes()])
      status.value = daemon
      runtimes.value = all
    })
  useEffect(read, [])
  return (
    <section class="page" aria-labelledby="health">
      <h1 id="health">Health</h1>
      <button type="button" disabled={busy.value} onClick={read}>
        Look again
      </button>
      <ProblemText text={error} />
      {status.value !== null && <Daemon status={status.value} />}
      <h2>Runtimes</h2>
      <ul class="cards">
        {runtimes.value.map((one) => (
          <Runtime key={one.runtime} runtime={one} />
        ))}
      </ul>
    </section>
  )
}

function Daemon({ status: { version, state, auth, started_at, counts, storage, sandbox, issues } }: { readonly status: Status }) {
  return (
    <>
      <p>
        codesdkd {version}, {state}, since {toDate(started_at)}; access: {auth}. {toCount(counts.tasks_running)} tasks run,{' '}
        {toCount(counts.tasks_queued)} wait, {toCount(counts.agents_live)} agents live. {toCount(storage.sessions)} sessions with{' '}
        {toCount(storage.events)} events.
      </p>
      <p class={sandbox.available ? '' : 'warning'}>
        Sandbox:{' '}
        {sandbox.available
          ? `${sandbox.kind ?? ''} (${sandbox.mode})`
          : `none (${sandbox.mode}). ${sandbox.reason ?? ''} ${sandbox.remedy ?? ''}`}
      </p>
      {issues.map(({ kind, severity, message, hint }) => (
        <p key={kind} class={severity === 'info' ? 'notice' : 'warning'}>
          {message} {hint}
        </p>
      ))}
    </>
  )
}

function Runtime({ runtime: { runtime, version, installed, healthy, auth, error, confinement } }: { readonly runtime: RuntimeSummary }) {
  return (
    <li class={`card ${healthy ? 'well' : 'ill'}`}>
      <h3>
        {runtime} <small>{version}</small>
      </h3>
      <p>
        {healthy ? 'Ready' : 'Not ready'} · {installed ? 'installed' : 'not installed'} · {auth.logged_in ? 'logged in' : 'not logged in'}
        {auth.account_label === undefined ? '' : ` as ${auth.account_label}`} · confinement: {confinement}
      </p>
      {error !== undefined && <p class="warning">{error.message}</p>}
      {!installed && (
        <p>
          Install it: <code>codesdkd agents install {runtime}</code>
        </p>
      )}
      {installed && !auth.logged_in && auth.auth_model !== 'none' && (
        <p>
          {auth.login_hint ?? 'Log in:'} <code>codesdkd agents login {runtime}</code> or <code>codesdkd keys set {runtime}</code>
        </p>
      )}
    </li>
  )
}
