import * as z from 'zod'
import type { Answer, Observation } from '../../core/task-host.ts'
import type { NativeRequestOf } from './native.ts'
import { toLabels, toQuestion } from '../form.ts'
import { notice } from '../observation.ts'

const option = z.object({ label: z.string(), description: z.string().optional().catch(undefined) })
const asked = z.object({
  questions: z.array(z.object({ question: z.string(), multiSelect: z.boolean().catch(false), options: z.array(option).catch([]) })).min(1),
})

/** The model asks the person; null when there is no question in it. */
export function askPerson(request: string, input: unknown): Extract<Observation, { kind: 'question.asked' }> | null {
  const { data } = asked.safeParse(input)
  if (data === undefined) return null
  const fields = data.questions.map(({ question, multiSelect, options }, index) => ({
    name: toName(index),
    text: question,
    options: options.map(({ label, description }) => ({ label, ...(description === undefined ? {} : { description }) })),
    multiple: multiSelect,
    free: true,
  }))
  return { kind: 'question.asked', question: toQuestion(fields), reply: request }
}

/** An MCP server asks the person, as a form; to visit a page in its name is nothing a host could do. */
export function askForServer(
  request: string,
  { mcp_server_name, message, mode, requested_schema }: NativeRequestOf<'elicitation'>,
): readonly Observation[] {
  if (mode === 'url' || requested_schema == null) return [notice('warning', 'elicitation_declined', `${mcp_server_name} asked: ${message}`)]
  return [{ kind: 'question.asked', question: { title: message, schema: requested_schema }, reply: request }]
}

/** The answer to the model's questions in Claude Code's words; `input` is that of the call. */
export function toToolAnswer(input: Readonly<Record<string, unknown>>, answer: Answer): object {
  if (answer.outcome !== 'accept') return { behavior: 'deny', message: `The user did not answer. ${answer.reason}` }
  const questions = asked.safeParse(input).data?.questions ?? []
  const answers = questions.map(({ question }, index) => [question, toLabels(answer.content[toName(index)]).join(', ')])
  return { behavior: 'allow', updatedInput: { ...input, answers: Object.fromEntries(answers) } }
}

/** The answer to an MCP server. */
export function toServerAnswer(answer: Answer): object {
  return answer.outcome === 'accept' ? { action: 'accept', content: answer.content } : { action: answer.outcome }
}

// A question's own text is no name for a property: it may be long, and said twice.
const toName = (index: number): string => `question_${index + 1}`
