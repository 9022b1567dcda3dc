import { toText, type Event, type Message } from '@codesdkd/protocol'

/**
 * The conversation as a fold of the log: each task's own messages, then one assistant message with the text that
 * the agent completed in it. A session's transcript is the concatenation over its ended tasks.
 */
export interface TaskTranscript {
  readonly messages: readonly Message[]
  readonly answer: readonly string[]
  /** Characters of the answer. */
  readonly length: number
}

export const emptyTaskTranscript: TaskTranscript = { messages: [], answer: [], length: 0 }

export function addToTranscript(transcript: TaskTranscript, event: Event): TaskTranscript {
  switch (event.type) {
    case 'task.started':
      return { ...transcript, messages: event.payload.messages }
    case 'task.steered':
      return { messages: [...toMessages(transcript), ...event.payload.messages], answer: [], length: 0 }
    case 'model.output.completed': {
      const texts = event.payload.content.flatMap((block) => (block.type === 'text' || block.type === 'code' ? [toText([block])] : []))
      if (texts.length === 0) return transcript
      const length = texts.reduce((sum, text) => sum + text.length, transcript.length)
      return { ...transcript, answer: [...transcript.answer, ...texts], length }
    }
    default:
      return transcript
  }
}

export function toMessages(transcript: TaskTranscript): readonly Message[] {
  if (transcript.answer.length === 0) return transcript.messages
  return [...transcript.messages, { role: 'assistant', content: transcript.answer.map((text) => ({ type: 'text', text })) }]
}
