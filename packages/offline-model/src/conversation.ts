/** What an agent sent to the model, in words all dialects share. The order is the order of the request. */
export interface Conversation {
  /** What the agent calls this conversation, if it says so: it tells a retry from another session's request. */
  readonly id: string | null
  readonly model: string
  readonly items: readonly ConversationItem[]
}

export type ConversationItem =
  | { readonly kind: 'system'; readonly text: string }
  | { readonly kind: 'user'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'assistant'; readonly text: string }
  | { readonly kind: 'tool_call'; readonly id: string; readonly name: string; readonly input: unknown }
  | { readonly kind: 'tool_output'; readonly id: string; readonly text: string }

/** A message typed by a person. Agents put their own blocks (environment, reminders) into user messages as well; those begin with a tag. */
export function isPrompt(item: ConversationItem): item is Extract<ConversationItem, { kind: 'user' }> {
  return item.kind === 'user' && !item.text.trimStart().startsWith('<')
}

/** Whether the model said it. Consecutive items of this sort came from one call of the model. */
export function isAssistant(item: ConversationItem): boolean {
  return item.kind === 'reasoning' || item.kind === 'assistant' || item.kind === 'tool_call'
}

/** The text of the last tool output, or an empty one. */
export function lastToolOutput(conversation: Conversation): string {
  return conversation.items.findLast((item) => item.kind === 'tool_output')?.text ?? ''
}
