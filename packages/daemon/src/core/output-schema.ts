import { Problem, toBlocks, type JsonSchema, type Message } from '@codesdkd/protocol'
import type { CheckSchema } from './tools.ts'

/** Characters of what is wrong with an answer: names in it are the model's own. */
const FAULTS_LIMIT = 1000
/** An answer nests no deeper than a request may. */
const DEPTH_LIMIT = 64

/** Throws `Problem('invalid_output_schema')` for a schema that cannot be used. */
export async function checkOutputSchema(schema: JsonSchema | undefined, check: CheckSchema): Promise<void> {
  if (schema === undefined) return
  try {
    await check(schema, {})
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it cannot be used'
    throw new Problem('invalid_output_schema', `output_schema: ${reason}.`, { members: { field: 'output_schema' } })
  }
}

/** The messages for an agent that nothing holds to a schema: the prompt, which is the last one, tells it. */
export function tellSchema(messages: readonly Message[], schema: JsonSchema): readonly Message[] {
  const prompt = messages.at(-1)
  if (prompt === undefined) return messages
  const text = `\nWhen you are done, your last message must be nothing but a JSON value that fits this JSON Schema:\n${JSON.stringify(schema)}`
  return [...messages.slice(0, -1), { ...prompt, content: [...toBlocks(prompt.content), { type: 'text', text }] }]
}

/** What an agent is told whose answer does not fit. */
export function toRepair(fault: string, schema: JsonSchema): Message {
  const text =
    `Your last message does not fit the JSON Schema that was asked for: ${fault}.\n` +
    `Answer once more, with nothing but a JSON value that fits it:\n${JSON.stringify(schema)}`
  return { role: 'user', content: text }
}

export type Verdict = { readonly fits: true; readonly value: unknown } | { readonly fits: false; readonly fault: string }

/** Reads the value of an answer, given as the texts of its blocks, and checks it. Never rejects. */
export async function judgeAnswer(texts: readonly string[], schema: JsonSchema, check: CheckSchema): Promise<Verdict> {
  const found = candidates(texts)
    .map(parse)
    .find((one) => one !== null)
  if (found === undefined) return { fits: false, fault: texts.length === 0 ? 'there is no answer' : 'it is not JSON' }
  if (isDeep(found.value, DEPTH_LIMIT)) return { fits: false, fault: `it is nested deeper than ${DEPTH_LIMIT} levels` }
  try {
    const faults = await check(schema, found.value)
    return faults.length === 0 ? { fits: true, value: found.value } : { fits: false, fault: faults.join('; ').slice(0, FAULTS_LIMIT) }
  } catch (error) {
    return { fits: false, fault: error instanceof Error ? error.message : 'it cannot be checked' }
  }
}

/** The whole answer, its last block, then what stands in its fences, the last one first. */
function candidates(texts: readonly string[]): readonly string[] {
  const whole = texts.join('\n')
  const fences = [...whole.matchAll(/^[ \t]*```(?:json)?[ \t]*\n([^]*?)\n[ \t]*```[ \t]*$/gim)].map(([, inside = '']) => inside)
  return [whole, ...texts.slice(-1), ...fences.toReversed()]
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

function isDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some((one) => isDeep(one, left - 1))
}
