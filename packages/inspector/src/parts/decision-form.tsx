import type { CallIdentity, Remember, ToolCall } from '@codesdkd/protocol'
import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { client } from '../model/client.ts'
import { isReadOnly } from '../model/daemon-store.ts'
import { ProblemText } from './problem-text.tsx'
import { useAction } from './use-action.ts'

interface DecisionFormProps {
  readonly sessionId: string
  readonly identity: CallIdentity
  readonly call: ToolCall
}

/** Approves or denies one attempt of a call. The hash of the input that is shown goes along: something else cannot be approved by it. */
export function DecisionForm({ sessionId, identity, call }: DecisionFormProps) {
  const { run, busy, error } = useAction()
  const reason = useSignal('')
  const remember = useSignal<Remember>('task')
  const id = useId()
  const { tool_call_id, attempt, input_hash } = identity
  const gated = call.gate === 'network'
  const body = () => ({ attempt, input_hash, ...(gated ? { remember: remember.value } : {}) })
  const approve = () => run(() => client.approveToolCall(sessionId, tool_call_id, body()))
  const deny = () =>
    run(() => client.denyToolCall(sessionId, tool_call_id, { ...body(), ...(reason.value === '' ? {} : { reason: reason.value }) }))
  if (isReadOnly(sessionId)) return null
  return (
    <form
      class="decision"
      onSubmit={(event) => {
        event.preventDefault()
        deny()
      }}
    >
      <button type="button" class="approve" aria-label={`Approve ${call.title}`} disabled={busy.value} onClick={approve}>
        Approve
      </button>
      <label class="hidden" for={id}>
        Reason for a denial
      </label>
      <input
        id={id}
        type="text"
        maxLength={4_096}
        placeholder="Why not? The agent is told."
        value={reason.value}
        onInput={({ currentTarget }) => (reason.value = currentTarget.value)}
      />
      <button type="submit" class="deny" aria-label={`Deny ${call.title}`} disabled={busy.value}>
        Deny
      </button>
      {gated && (
        <label>
          for the{' '}
          <select
            value={remember.value}
            onChange={({ currentTarget }) => (remember.value = currentTarget.value === 'session' ? 'session' : 'task')}
          >
            <option value="task">task</option>
            <option value="session">session</option>
          </select>
        </label>
      )}
      <ProblemText text={error} />
    </form>
  )
}
