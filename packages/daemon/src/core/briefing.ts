import { setImmediate } from 'node:timers/promises'
import {
  emptyTranscript,
  evolveTranscript,
  isTerminal,
  toBlocks,
  transcriptTypes,
  type Message,
  type Payload,
  type Transcript,
} from '@codesdkd/protocol'
import { toAccount, toTold } from './account.ts'
import { toCarried, type CarryBudget } from './carried.ts'
import type { EventLog } from './ports.ts'
import { toEvent } from './stored-event.ts'

/** About 50,000 tokens of text, which every model takes that coding agents use: how large its context is, the daemon is not told before. */
export const CARRY_BUDGET: CarryBudget = { characters: 200_000, images: 8, imageCharacters: 6_000_000 }

/** What an agent is told at the start of a task, and what the log says about it. */
export interface Briefing {
  readonly messages: readonly Message[]
  readonly restored: Payload<'session.context_restored'> | null
}

export interface BriefingOptions {
  readonly messages: readonly Message[]
  readonly log: Pick<EventLog, 'read'>
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
 * one that lost it gets an account of the session, as much as fits; history that the host itself sent
 * before the first task is carried too. Whatever is carried or left out is said. Rejects for a log that cannot be read.
 */
export async function toBriefing({ messages, log, sessionId, opened, lost, known }: BriefingOptions): Promise<Briefing> {
  const prompt = messages.at(-1)
  if (prompt === undefined) return { messages, restored: null }
  if (opened && known > 0 && !lost) {
    return {
      messages,
      restored: { source: 'native_resume', messages_carried: known, messages_omitted: 0, characters: 0, truncated: false },
    }
  }
  const sent = messages.slice(0, -1).map(({ role, content }) => ({ role, content: toBlocks(content) }))
  const history = [...(lost ? await readAccount(log, sessionId) : []), ...toTold(sent)]
  if (history.length === 0) return { messages, restored: null }
  const carried = toCarried(history, CARRY_BUDGET)
  return {
    messages: [...carried.messages, prompt],
    restored: {
      source: 'transcript',
      messages_carried: carried.messages.length,
      messages_omitted: carried.omitted,
      messages_cut: carried.cut,
      characters: carried.characters,
      images_carried: carried.imagesCarried,
      images_omitted: carried.imagesOmitted,
      truncated: carried.omitted > 0 || carried.cut > 0,
    },
  }
}

/** What was said and done in all ended tasks, folded from the log. */
async function readAccount(log: Pick<EventLog, 'read'>, sessionId: string): Promise<readonly Message[]> {
  const messages: Message[] = []
  let transcript: Transcript = emptyTranscript(sessionId)
  let files: Payload<'file.changed'>[] = []
  let after = 0
  for (;;) {
    const page = log.read(sessionId, after, 1000)
    if (page.length === 0) return messages
    for (const row of page) {
      after = row.seq
      // What is written piece by piece is whole in a later event.
      if (row.type === 'model.output.delta' || !(transcriptTypes.has(row.type) || row.type === 'file.changed')) continue
      const event = toEvent(row)
      if (event.type === 'task.started') [transcript, files] = [emptyTranscript(sessionId), []]
      if (event.type === 'file.changed') files.push(event.payload)
      transcript = evolveTranscript(transcript, event)
      const [task] = transcript.tasks
      if (isTerminal(event.type) && task !== undefined && task.task_id === event.trace.task_id) {
        messages.push(...toAccount({ messages: transcript.messages, task, files }))
        transcript = emptyTranscript(sessionId)
      }
    }
    await setImmediate()
  }
}
