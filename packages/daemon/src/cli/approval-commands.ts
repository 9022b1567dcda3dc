import type { Client } from '@codesdkd/client/node'
import type { Approval, OpenQuestion } from '@codesdkd/protocol'
import { toJson } from '../report.ts'
import { toCallText } from './ask-person.ts'
import type { Call, Command } from './command.ts'
import { toSafeText } from './safe-text.ts'
import { UsageError } from './usage-error.ts'

export const inbox: Command = {
  words: [],
  summary: 'show everything that waits for a person, in all sessions',
  flags: {},
  async run({ client, json, screen, signal }) {
    const approvals = await allApprovals(client, signal)
    const questions = await allQuestions(client, signal)
    if (json) screen.write(toJson({ approvals, questions }))
    else if (approvals.length + questions.length === 0) screen.line('Nothing waits for you.')
    for (const approval of json ? [] : approvals) {
      screen.line(`${screen.style('bold', approval.tool_call_id)}  ${approval.runtime}, session ${approval.session_id}`)
      screen.line(`${toCallText(approval, screen.style)}\n`)
    }
    for (const { session_id, runtime, title } of json ? [] : questions)
      screen.line(`${screen.style('bold', 'question')}  ${runtime}, session ${session_id}\n  ${toSafeText(title)}\n`)
    return 0
  },
}

const identity = { hash: { value: '<sha256:…>', help: 'only if this is still the hash of what would run (input_hash of "inbox --json")' } }

export const approve: Command = {
  words: ['<call>'],
  summary: 'let a call run that waits; its id is in "codesdkd inbox"',
  flags: identity,
  run: (call) =>
    decide(call, async ({ session_id, tool_call_id, attempt, input_hash }) => {
      return call.client.approveToolCall(session_id, tool_call_id, { attempt, input_hash }, { signal: call.signal })
    }),
}

export const deny: Command = {
  words: ['<call>', '[reason]'],
  summary: 'keep a call that waits from running; the agent hears the reason',
  flags: identity,
  run: (call) =>
    decide(call, async ({ session_id, tool_call_id, attempt, input_hash }) => {
      const [, ...reason] = call.words
      const body = { attempt, input_hash, ...(reason.length === 0 ? {} : { reason: reason.join(' ') }) }
      return call.client.denyToolCall(session_id, tool_call_id, body, { signal: call.signal })
    }),
}

async function decide(
  { words: [id = ''], client, json, screen, text, signal }: Call,
  send: (approval: Approval) => Promise<{ readonly decision: string }>,
): Promise<number> {
  const approval = (await allApprovals(client, signal)).find(({ tool_call_id }) => tool_call_id === id)
  if (approval === undefined) throw new UsageError(`no call ${JSON.stringify(id)} waits for a person`)
  const hash = text('hash')
  if (hash !== undefined && hash !== approval.input_hash) throw new UsageError(`the call has another input by now: ${approval.input_hash}`)
  const answer = await send(approval)
  if (json) screen.write(toJson(answer))
  else screen.line(`${answer.decision}  ${toSafeText(approval.title)}`)
  return 0
}

async function allApprovals(client: Client, signal: AbortSignal): Promise<Approval[]> {
  const all: Approval[] = []
  for (let after: string | undefined; ;) {
    const page = await client.listApprovals({ after, limit: 500 }, { signal })
    all.push(...page.approvals)
    if (page.next_after === null) return all
    after = page.next_after
  }
}

async function allQuestions(client: Client, signal: AbortSignal): Promise<OpenQuestion[]> {
  const all: OpenQuestion[] = []
  for (let after: string | undefined; ;) {
    const page = await client.listQuestions({ after, limit: 500 }, { signal })
    all.push(...page.questions)
    if (page.next_after === null) return all
    after = page.next_after
  }
}
