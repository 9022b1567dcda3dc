/** What an agent sent to the model, in words all dialects share. The order is the order of the request. */
export interface Conversation {
  /** What the agent calls this conversation, if it says so: it tells a retry from another session's request. */
  readonly id: string | null
  readonly model: string
  /** What the agent waits for: a stream, the whole answer at once, or only how many tokens this would be. */
  readonly wants: 'stream' | 'whole' | 'token_count'
  /** The names of the tools that the agent offers, as it names them. */
  readonly tools: readonly string[]
  /** The agent's working directory, as its own blocks name it. */
  readonly cwd: string | null
  /** The JSON Schema that the answer has to follow; null where it is free. */
  readonly answerSchema: unknown
  readonly items: readonly ConversationItem[]
}

export type ConversationItem =
  | { readonly kind: 'system'; readonly text: string }
  | { readonly kind: 'user'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'assistant'; readonly text: string }
  | { readonly kind: 'tool_call'; readonly id: string; readonly name: string; readonly input: unknown }
  | { readonly kind: 'tool_output'; readonly id: string; readonly text: string }

/** How the blocks begin that agents put into user messages themselves: a tag (environment, reminders), or Claude's mark of a stop. */
const ownBlock = /^\s*(?:<|\[Request interrupted by user)/

/** A message typed by a person. */
export function isPrompt(item: ConversationItem): item is Extract<ConversationItem, { kind: 'user' }> {
  return item.kind === 'user' && !ownBlock.test(item.text)
}

/** Whether the model said it. Consecutive items of this sort came from one call of the model. */
export function isAssistant(item: ConversationItem): boolean {
  return item.kind === 'reasoning' || item.kind === 'assistant' || item.kind === 'tool_call'
}

/** The text of the last tool output, or an empty one. */
export function lastToolOutput(conversation: Conversation): string {
  return conversation.items.findLast((item) => item.kind === 'tool_output')?.text ?? ''
}
