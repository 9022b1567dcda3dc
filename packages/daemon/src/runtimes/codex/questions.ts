import type { Answer, Observation } from '../../core/task-host.ts'
import type { NativeOf } from './native.ts'
import { toLabels, toQuestion } from '../form.ts'
import type { RpcId } from '../json-rpc.ts'
import { notice } from '../observation.ts'

/** The model asks the person. */
export function askPerson(request: RpcId, { questions }: NativeOf<'item/tool/requestUserInput'>): readonly Observation[] {
  if (questions.length === 0) return []
  const fields = questions.map(({ id, question, options, isOther }) => ({
    name: id,
    text: question,
    options: (options ?? []).map(({ label, description }) => ({ label, ...(description == null ? {} : { description }) })),
    multiple: false,
    free: isOther === true,
  }))
  return [{ kind: 'question.asked', question: toQuestion(fields), reply: request }]
}

/** An MCP server asks the person, as a form; to visit a page in its name is nothing a host could do. */
export function askForServer(
  request: RpcId,
  { serverName, message, mode, requestedSchema }: NativeOf<'mcpServer/elicitation/request'>,
): readonly Observation[] {
  if (mode === 'url' || requestedSchema == null) return [notice('warning', 'elicitation_declined', `${serverName} asked: ${message}`)]
  return [{ kind: 'question.asked', question: { title: message, schema: requestedSchema }, reply: request }]
}

/** The answer in Codex's words; null for a request that is no question. */
export function toReply(method: string, answer: Answer): object | null {
  switch (method) {
    case 'item/tool/requestUserInput':
      return { answers: answer.outcome === 'accept' ? toAnswers(answer.content) : {} }
    case 'mcpServer/elicitation/request':
      return { action: answer.outcome, content: answer.outcome === 'accept' ? answer.content : null, _meta: null }
    default:
      return null
  }
}

function toAnswers(content: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(content).map(([id, value]) => [id, { answers: toLabels(value) }]))
}
