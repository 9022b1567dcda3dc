import { isAssistant, isPrompt } from './conversation.ts'
import type { Conversation, ConversationItem } from './conversation.ts'
import type { Leg, Prompt, ScenarioFile } from './scenario.ts'

/** What the model answers to a request. */
export interface Selection {
  /** The scenario's name; null if the fallback answers. */
  readonly scenario: string | null
  /** Index into the scenario's legs: the number of times the model has spoken since the prompt. */
  readonly legIndex: number
  readonly leg: Leg
  /** The user message that is answered, and its place among the prompts of the conversation. */
  readonly prompt: string
  readonly promptIndex: number
}

const ECHO_LIMIT = 500

/**
 * Chooses by the request alone, so that a resumed or retried conversation goes on where it was.
 * The anchor is the last prompt that matches a scenario. Prompts after it steer the scenario and change nothing
 * while it has legs left; the first prompt after its last leg is a new one, which the fallback answers.
 */
export function select(conversation: Conversation, file: ScenarioFile): Selection {
  const prompts = conversation.items.flatMap((item, at) => (isPrompt(item) ? [{ text: item.text, at }] : []))
  for (const [promptIndex, prompt] of [...prompts.entries()].toReversed()) {
    const scenario = file.scenarios.find(({ prompt: wanted }) => matches(wanted, prompt.text))
    if (!scenario) continue
    const turns = assistantTurns(conversation.items, prompt.at)
    const ended = turns[scenario.legs.length - 1]
    if (ended !== undefined && prompts.some(({ at }) => at > ended)) break
    const leg = scenario.legs[turns.length] ?? { text: `(scenario ${scenario.name} has ended)` }
    return { scenario: scenario.name, legIndex: turns.length, leg, prompt: prompt.text, promptIndex }
  }
  const promptIndex = Math.max(prompts.length - 1, 0)
  const { text, at } = prompts.at(-1) ?? { text: '', at: -1 }
  const legIndex = assistantTurns(conversation.items, at).length
  const legs = file.fallback?.legs ?? [{ text: `No scenario matches: ${text.slice(0, ECHO_LIMIT)}` }]
  return { scenario: null, legIndex, leg: legs[legIndex] ?? { text: '(the fallback has ended)' }, prompt: text, promptIndex }
}

/** Where the model began to speak after the item at `from`: one index per turn. */
export function assistantTurns(items: readonly ConversationItem[], from: number): readonly number[] {
  const turns: number[] = []
  let speaking = false
  for (const [index, item] of items.entries()) {
    if (index <= from) continue
    if (isAssistant(item) && !speaking) turns.push(index)
    speaking = isAssistant(item)
  }
  return turns
}

function matches(prompt: Prompt, text: string): boolean {
  return typeof prompt === 'string' ? text.includes(prompt) : new RegExp(prompt.regex).test(text)
}
