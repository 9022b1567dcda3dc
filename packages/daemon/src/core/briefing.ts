import type { Message, Payload } from '@codesdkd/protocol'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'
import { addToTranscript, emptyTaskTranscript, toMessages, withinBudget, type TaskTranscript } from './transcript.ts'

/** How much of an earlier conversation is carried into a new agent session as text. Characters. */
export const CARRY_BUDGET = 200_000

/** What an agent is told at the start of a task, and what the log says about it. */
export interface Briefing {
  readonly messages: readonly Message[]
  readonly restored: Payload<'session.context_restored'> | null
}

export interface BriefingOptions {
  readonly messages: readonly Message[]
  readonly log: EventLog
  readonly sessionId: string
  /** The agent's process was started for this task. */
  readonly opened: boolean
  /** The agent did not find its conversation again. */
  readonly lost: boolean
  /** How many messages the session's transcript holds. */
  readonly known: number
}

/**
 * Decides what the agent has to be told. An agent that lives or found its conversation again gets only what is new;
 * one that lost it gets the session's transcript, newest first within a budget; history that the host itself sent
 * before the first task is carried too. Whatever is carried or left out is said.
 */
export function toBriefing({ messages, log, sessionId, opened, lost, known }: BriefingOptions): Briefing {
  const prompt = messages.at(-1)
  if (prompt === undefined) return { messages, restored: null }
  if (opened && known > 0 && !lost) {
    return {
      messages,
      restored: { source: 'native_resume', messages_carried: known, messages_omitted: 0, characters: 0, truncated: false },
    }
  }
  const history = [...(lost ? readTranscript(log, sessionId) : []), ...messages.slice(0, -1)]
  if (history.length === 0) return { messages, restored: null }
  const carried = withinBudget(history, CARRY_BUDGET)
  return {
    messages: [...carried.messages, prompt],
    restored: {
      source: 'transcript',
      messages_carried: carried.messages.length,
      messages_omitted: carried.omitted,
      characters: carried.characters,
      truncated: carried.truncated,
    },
  }
}

/** The messages of all ended tasks, folded from the log. */
function readTranscript(log: EventLog, sessionId: string): readonly Message[] {
  const messages: Message[] = []
  let turn: TaskTranscript = emptyTaskTranscript
  let after = 0
  for (;;) {
    const page = log.read(sessionId, after, 1000)
    if (page.length === 0) return messages
    for (const { seq, type, json } of page) {
      after = seq
      if (type === 'task.started') turn = emptyTaskTranscript
      if (type === 'task.started' || type === 'task.steered' || type === 'model.output.completed')
        turn = addToTranscript(turn, toEvent({ json }))
      if (type === 'task.completed' || type === 'task.failed' || type === 'task.stopped') {
        messages.push(...toMessages(turn))
        turn = emptyTaskTranscript
      }
    }
  }
}
