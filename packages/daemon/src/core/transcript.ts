import { toBlocks, toText, type Event, type Message } from '@codesdkd/protocol'

/**
 * The conversation as a fold of the log: each task's own messages, then one assistant message with the text that
 * the agent completed in it. A session's transcript is the concatenation over its ended tasks.
 */
export interface TaskTranscript {
  readonly messages: readonly Message[]
  readonly answer: readonly string[]
}

export const emptyTaskTranscript: TaskTranscript = { messages: [], answer: [] }

export function addToTranscript(transcript: TaskTranscript, event: Event): TaskTranscript {
  switch (event.type) {
    case 'task.started':
      return { ...transcript, messages: event.payload.messages }
    case 'task.steered':
      return { messages: [...toMessages(transcript), ...event.payload.messages], answer: [] }
    case 'model.output.completed': {
      const texts = event.payload.content.flatMap((block) => (block.type === 'text' ? [block.text] : []))
      return texts.length === 0 ? transcript : { ...transcript, answer: [...transcript.answer, ...texts] }
    }
    default:
      return transcript
  }
}

export function toMessages(transcript: TaskTranscript): readonly Message[] {
  if (transcript.answer.length === 0) return transcript.messages
  return [...transcript.messages, { role: 'assistant', content: transcript.answer.map((text) => ({ type: 'text', text })) }]
}

/** What of a message counts when a host sends it again: role and blocks, where adjacent text blocks are one text. */
export function comparable(message: Message): unknown {
  const blocks = toBlocks(message.content)
  const text = blocks.every((block) => block.type === 'text')
  return { role: message.role, content: text ? blocks.map((block) => (block.type === 'text' ? block.text : '')).join('') : blocks }
}

/**
 * The messages that the session does not hold yet. Only a leading run that equals the transcript from its very
 * beginning is dropped; the last message never is; a lone message is always new.
 */
export function newMessages(known: readonly string[], messages: readonly Message[], hash: (value: unknown) => string): readonly Message[] {
  const isSame = (message: Message | undefined, digest: string | undefined) => message !== undefined && hash(comparable(message)) === digest
  let same = 0
  while (same < messages.length - 1 && same < known.length && isSame(messages[same], known[same])) same += 1
  return messages.slice(same)
}

export interface Budgeted {
  readonly messages: readonly Message[]
  readonly omitted: number
  readonly characters: number
  readonly truncated: boolean
}

/** The newest messages that fit into the budget (characters of text); at least the newest one, cut at its front if need be. */
export function withinBudget(messages: readonly Message[], budget: number): Budgeted {
  const kept: Message[] = []
  let characters = 0
  for (const message of messages.toReversed()) {
    const text = toText(message.content)
    if (characters + text.length > budget) {
      if (kept.length > 0) break
      kept.unshift({ role: message.role, content: text.slice(-budget) })
      return { messages: kept, omitted: messages.length - 1, characters: budget, truncated: true }
    }
    characters += text.length
    kept.unshift(message)
  }
  return { messages: kept, omitted: messages.length - kept.length, characters, truncated: kept.length < messages.length }
}
