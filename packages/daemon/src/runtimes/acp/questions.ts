import type { Answer, Question } from '../../core/task-host.ts'
import { elicitation } from './native.ts'

/** Questions of an agent to the person: forms only, as a page to visit is nothing that the daemon can put to anybody. Pure. */

/** Null for what cannot be asked. */
export function toQuestion(params: unknown): Question | null {
  const asked = elicitation.safeParse(params)
  if (!asked.success || asked.data.mode !== 'form') return null
  const { message, requestedSchema } = asked.data
  return { title: message || 'The agent has a question.', schema: requestedSchema ?? { type: 'object', properties: {} } }
}

/** The protocol has no place for the reason of a refusal. */
export function toElicitationResult(answer: Answer): object {
  switch (answer.outcome) {
    case 'accept':
      return { action: 'accept', content: answer.content }
    case 'decline':
      return { action: 'decline' }
    case 'cancel':
      return { action: 'cancel' }
    default:
      return answer satisfies never
  }
}
