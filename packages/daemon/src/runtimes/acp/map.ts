import { addUsage } from '@codesdkd/protocol'
import type { TaskError, Usage } from '@codesdkd/protocol'
import type { Observation } from '../../core/task-host.ts'
import { closeBlock, streamChunk } from './blocks.ts'
import { askCall, releaseRunning, updateCall } from './call-flow.ts'
import type { CallHooks } from './call-flow.ts'
import { toBlockText } from './calls.ts'
import { quietUpdates, toSessionUpdate } from './native.ts'
import type { PromptResult, SessionUpdate, Tokens, Update } from './native.ts'
import type { AcpRules } from './profile.ts'
import { toQuestion } from './questions.ts'
import { inOrder } from './state.ts'
import type { AcpState, Mapped } from './state.ts'
import type { Incoming, RpcId } from '../json-rpc.ts'
import { event, notice } from '../observation.ts'

/** The part of a profile that the mapper needs. */
export type MapHooks = CallHooks & Pick<AcpRules, 'toObservations' | 'toThought' | 'toUsage' | 'toFailure'>

/** Notices of one sort in one task; a flood of them tells nothing more. */
const maxNotices = 20

/** What one message of an agent means to the task. Pure and total: never throws, whatever the message is. */
export function mapAcp(hooks: MapHooks, state: AcpState, message: Incoming): Mapped {
  switch (message.kind) {
    case 'invalid':
      return mapInvalid(state, message)
    case 'request':
      return mapRequest(hooks, state, message)
    case 'notification':
      return mapNotification(hooks, state, message)
    default:
      return message satisfies never
  }
}

function mapRequest(hooks: MapHooks, state: AcpState, { method, id, params }: Extract<Incoming, { kind: 'request' }>): Mapped {
  if (method === 'session/request_permission') return askCall(hooks, state, id, params)
  if (method === 'elicitation/create') return mapQuestion(state, id, params)
  // It was told that there are none. Some agents try all the same, and do without.
  if (method.startsWith('fs/') || method.startsWith('terminal/')) return [state, []]
  return tellUnknown(state, 'warning', method, 'The agent made a request that the daemon does not serve; it was refused.', params)
}

// A question that cannot be asked is declined by the driver.
function mapQuestion(before: AcpState, reply: RpcId, params: unknown): Mapped {
  const [state, closed] = closeBlock(before)
  const question = toQuestion(params)
  if (question !== null) return [state, [...closed, { kind: 'question.asked', question, reply }]]
  return [
    state,
    [...closed, notice('warning', 'acp.question.declined', 'The agent asked in a way that nobody can be asked; it was declined.')],
  ]
}

/** Notifications without a meaning for a task. */
const quietMethods: ReadonlySet<string> = new Set(['elicitation/complete', '$/cancel_request'])

function mapNotification(hooks: MapHooks, state: AcpState, { method, params }: Extract<Incoming, { kind: 'notification' }>): Mapped {
  if (method !== 'session/update') {
    const own = hooks.toObservations?.({ kind: 'notification', method, params }) ?? null
    if (own !== null) return [state, own]
    if (quietMethods.has(method)) return [state, []]
    return tellUnknown(state, 'info', method, 'The agent sent a message that the daemon does not know.', params)
  }
  const update = toSessionUpdate(params)
  if (update === null) return tellUnknown(state, 'warning', method, 'The agent sent an update that is none.', params)
  // What the agent does for another conversation is not this task's affair.
  if (update.sessionId !== state.sessionId) return [state, []]
  const own = hooks.toObservations?.({ kind: 'update', update }) ?? null
  return own === null ? mapUpdate(hooks, state, update) : [state, own]
}

function mapUpdate(hooks: MapHooks, state: AcpState, { name, known, raw }: SessionUpdate): Mapped {
  if (known === null) {
    if (quietUpdates.has(name)) return [state, []]
    return tellUnknown(state, 'info', `session/update ${name}`, 'The agent sent an update that the daemon does not know.', raw)
  }
  switch (known.sessionUpdate) {
    case 'agent_message_chunk':
    case 'agent_thought_chunk':
      return mapChunk(hooks, state, known)
    case 'tool_call':
    case 'tool_call_update':
      return updateCall(hooks, state, raw)
    case 'plan':
      return inOrder(state, closeBlock, (next) => [{ ...next, textOnly: false }, [toPlan(known)]])
    case 'usage_update':
      return mapUsage(state, known)
    default:
      return known satisfies never
  }
}

function mapChunk({ toThought }: MapHooks, before: AcpState, chunk: Extract<Update, { content: unknown }>): Mapped {
  const type = chunk.sessionUpdate === 'agent_message_chunk' ? 'text' : 'reasoning'
  const said = toBlockText(chunk.content)
  const content = { type: 'text', text: type === 'reasoning' && toThought !== undefined ? toThought(said) : said }
  const [state, streamed] = streamChunk(before, type, { ...chunk, content })
  const { usage } = chunk._meta ?? {}
  return [state, usage === undefined ? streamed : [...streamed, toUsageReport('call', toTokens(usage), null)]]
}

// The protocol insists on a priority: agents that know none call all entries alike, which says nothing.
function toPlan({ entries }: Extract<Update, { sessionUpdate: 'plan' }>): Observation {
  const ranked = new Set(entries.map(({ priority }) => priority)).size > 1
  const plan = entries.map(({ content: text, status, priority }) => ({
    text,
    status,
    ...(ranked && priority !== undefined ? { priority } : {}),
  }))
  return event({ type: 'plan.updated', payload: { entries: plan } })
}

// The cost is that of the whole conversation: what it was before is known only from what was told before.
function mapUsage(state: AcpState, { cost, size }: Extract<Update, { sessionUpdate: 'usage_update' }>): Mapped {
  const now = cost?.currency === 'USD' ? cost.amount : null
  const spent = toSpent(state.cost.now ?? state.cost.before, now)
  const next: AcpState = {
    ...state,
    cost: { ...state.cost, now: now ?? state.cost.now },
    contextWindow: size ?? state.contextWindow,
  }
  const told = spent !== null || size !== state.contextWindow
  return [next, told ? [toUsageReport('call', unknownUsage(spent), size)] : []]
}

function unknownUsage(cost_usd: number | null): Usage {
  return { input_tokens: null, output_tokens: null, cost_usd }
}

function toUsageReport(scope: 'call' | 'task', usage: Usage, context_window: number | null): Observation {
  return event({ type: 'usage.reported', payload: { scope, ...usage, ...(context_window === null ? {} : { context_window }) } })
}

// ---------------------------------------------------------------- the end of a prompt

/** The agent has answered the prompt. A task may consist of several prompts: its tokens are their sum. */
export function endPrompt(hooks: MapHooks, before: AcpState, result: PromptResult): Mapped {
  return inOrder(
    before,
    ...(result.stopReason === 'cancelled' ? [] : [closeBlock]),
    (state) => releaseRunning(hooks, state),
    (state) => {
      const told = (hooks.toUsage ?? toUsage)(result)
      if (told === null) return [state, []]
      const usage = addUsage(state.usage, told)
      return [
        { ...state, usage },
        [toUsageReport('task', { ...usage, cost_usd: usage.cost_usd ?? toSpent(state.cost.before, state.cost.now) }, state.contextWindow)],
      ]
    },
  )
}

// A sum that has become less was begun anew, nobody knows when.
function toSpent(before: number | null, now: number | null): number | null {
  return before === null || now === null || now < before ? null : now - before
}

/** The failure that an agent told as an answer; null when there is none. */
export function toHiddenFailure(hooks: MapHooks, { lastText, textOnly }: AcpState, result: PromptResult): TaskError | null {
  return hooks.toFailure?.({ result, lastText, textOnly }) ?? null
}

/** What a further prompt of the same task begins with. */
export function beginPrompt(before: AcpState): Mapped {
  const [state, closed] = closeBlock(before)
  return [{ ...state, lastText: '', textOnly: true }, closed]
}

export function toUsage({ usage }: PromptResult): Usage | null {
  return usage == null ? null : toTokens(usage)
}

function toTokens({ inputTokens, outputTokens, cachedReadTokens, thoughtTokens }: Tokens): Usage {
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cached_input_tokens: cachedReadTokens,
    reasoning_tokens: thoughtTokens,
    cost_usd: null,
  }
}

// ---------------------------------------------------------------- what has no other place

function mapInvalid(state: AcpState, { reason, line }: Extract<Incoming, { kind: 'invalid' }>): Mapped {
  const invalidLines = state.invalidLines + 1
  if (invalidLines > maxNotices) return [{ ...state, invalidLines }, []]
  const more = invalidLines === maxNotices ? '; further ones are not reported' : ''
  const told = notice('warning', 'agent.output.invalid', `The agent wrote what is no message: ${reason}${more}.`, {
    line: line.slice(0, 200),
  })
  return [{ ...state, invalidLines }, [told]]
}

// Agents repeat themselves: once in a task is enough for each sort.
function tellUnknown(state: AcpState, level: 'info' | 'warning', what: string, message: string, params: unknown): Mapped {
  const kind = what.slice(0, 100)
  if (state.unknown.has(kind) || state.unknown.size === maxNotices) return [state, []]
  return [{ ...state, unknown: new Set(state.unknown).add(kind) }, [notice(level, kind, message, cut(params))]]
}

/** Parameters as a notice may hold them: what is long is shown as the beginning of its text. */
function cut(params: unknown): unknown {
  const text = JSON.stringify(params) ?? ''
  return text.length <= 4000 ? params : `${text.slice(0, 4000)}…`
}
