import * as z from 'zod'
import type { Conversation } from './conversation.ts'
import type { Selection } from './selection.ts'

/**
 * Agents ask models for more than the conversation: a title, a summary, who speaks next, which model to take. Such a
 * request offers no tools, and says what it is for in its instructions or in the form that the answer must have. A
 * person who tries the model by hand offers no tools either, but just asks.
 */
export function isSideCall({ wants, tools, answerSchema, items }: Conversation): boolean {
  if (wants === 'token_count') return true
  return tools.length === 0 && (answerSchema !== null || items.some(({ kind }) => kind === 'system'))
}

/** What every side call is answered: the same words, in the form that is asked for. */
export function toSideSelection({ answerSchema }: Conversation): Selection {
  const text = answerSchema === null ? SIDE_TEXT : JSON.stringify(toSample(answerSchema))
  return { scenario: null, legIndex: 0, leg: { text }, prompt: '', promptIndex: 0 }
}

const SIDE_TEXT = 'Offline model'

const jsonSchema = z.looseObject({
  // Gemini writes types in capitals.
  type: z
    .union([z.string(), z.array(z.string()).transform(([first]) => first)])
    .transform((type) => type?.toLowerCase())
    .optional(),
  enum: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).default([]),
})

/** The plainest value that a JSON Schema allows. References and combinations are not followed. */
function toSample(schema: unknown): unknown {
  const parsed = jsonSchema.safeParse(schema)
  if (!parsed.success) return null
  const { type, enum: values, properties, required } = parsed.data
  if (values !== undefined) return values[0]
  if (properties !== undefined) return Object.fromEntries(required.map((name) => [name, toSample(properties[name])]))
  switch (type) {
    case 'object':
      return {}
    case 'array':
      return []
    case 'string':
      return SIDE_TEXT
    case 'number':
    case 'integer':
      return 0
    case 'boolean':
      return false
    default:
      return null
  }
}
