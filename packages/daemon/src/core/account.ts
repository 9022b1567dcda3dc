import type { ContentBlock, Message, Payload, TranscriptBlock, TranscriptTask } from '@codesdkd/protocol'

/** Characters of what a call was about, and of what came of it. */
const TITLE_LIMIT = 300
const RESULT_LIMIT = 2_000
/** Changed files that are named for one task. */
const FILES_LIMIT = 50

/** A message with what is known of its blocks: of a transcript, or as a host has sent it. */
interface Known {
  readonly role: Message['role']
  readonly content: readonly TranscriptBlock[]
}

export interface AccountedTask {
  readonly messages: readonly Known[]
  readonly task: Pick<TranscriptTask, 'status' | 'reason' | 'error'>
  readonly files: readonly Payload<'file.changed'>[]
}

/** A task as another agent is told of it: what was said, and in brackets what was done, refused and changed. Pure. */
export function toAccount({ messages, task, files }: AccountedTask): readonly Message[] {
  const notes = [...toFiles(files), ...toEnd(task)]
  const told = toTold(messages)
  if (notes.length === 0) return told
  const last = told.at(-1)
  const note: ContentBlock = { type: 'text', text: notes.join('\n') }
  if (last?.role !== 'assistant' || typeof last.content === 'string') return [...told, { role: 'assistant', content: [note] }]
  return [...told.slice(0, -1), { ...last, content: [...last.content, note] }]
}

/** Messages whose calls and results are told in words. Those of which nothing can be told are left out. */
export function toTold(messages: readonly Known[]): readonly Message[] {
  const calls = new Map<string, string>()
  const told = messages.map(({ role, content }) => ({ role, content: content.flatMap((block) => toBlock(block, calls)) }))
  return told.filter(({ content }) => content.length > 0)
}

function toBlock(block: TranscriptBlock, calls: Map<string, string>): readonly ContentBlock[] {
  switch (block.type) {
    case 'text':
    case 'code':
    case 'image':
    case 'artifact_ref':
      return [block]
    case 'reasoning':
      return []
    case 'tool_use': {
      const call = toCall(block)
      calls.set(`${block.id} ${block.attempt ?? ''}`, call)
      // Of a denied call its result tells.
      if (block.phase === 'denied') return []
      return [{ type: 'text', text: `[called ${call}${block.phase === 'approved' ? '; it was never run' : ''}]` }]
    }
    case 'tool_result':
      return [{ type: 'text', text: toResult(block, calls.get(`${block.tool_use_id} ${block.attempt ?? ''}`) ?? 'a call') }]
    case 'question':
      return [{ type: 'text', text: toQuestion(block) }]
    default:
      return block satisfies never
  }
}

function toCall({ name, title, input, gate }: Extract<TranscriptBlock, { type: 'tool_use' }>): string {
  const about = oneLine(title ?? JSON.stringify(input) ?? '', TITLE_LIMIT)
  return gate === undefined ? `${name}: ${about}` : `connection of the sandbox: ${about}`
}

function toResult(result: Extract<TranscriptBlock, { type: 'tool_result' }>, call: string): string {
  const content = typeof result.content === 'string' ? result.content : (JSON.stringify(result.content) ?? '')
  if (result.outcome === 'denied') return `[denied, so it was not run: ${call}; reason: ${oneLine(content, TITLE_LIMIT) || 'none'}]`
  const exit = result.exit_code === undefined || result.exit_code === null ? '' : `, exit code ${result.exit_code}`
  const more = content.length - RESULT_LIMIT
  const rest = more > 0 || result.truncated === true ? '\n[the rest of the result is left out]' : ''
  return `[result of ${call}${result.is_error === true ? ', an error' : ''}${exit}]\n${content.slice(0, RESULT_LIMIT)}${rest}`
}

function toQuestion({ title, outcome, content, reason }: Extract<TranscriptBlock, { type: 'question' }>): string {
  const answer = content === undefined ? (reason ?? outcome ?? 'none') : JSON.stringify(content)
  return `[asked the user: ${oneLine(title, TITLE_LIMIT)}; answer: ${oneLine(answer, RESULT_LIMIT)}]`
}

function toFiles(files: AccountedTask['files']): readonly string[] {
  const named = [
    ...new Set(files.map(({ path, change, moved_to }) => `${change} ${path}${moved_to === undefined ? '' : ` to ${moved_to}`}`)),
  ]
  if (named.length === 0) return []
  const more = named.length > FILES_LIMIT ? ` and ${named.length - FILES_LIMIT} more` : ''
  return [`[files changed: ${named.slice(0, FILES_LIMIT).join(', ')}${more}]`]
}

function toEnd({ status, reason, error }: AccountedTask['task']): readonly string[] {
  if (status === 'completed' || status === 'running') return []
  return [`[the task ${status === 'failed' ? 'failed' : 'was stopped'}: ${oneLine(error?.message ?? reason ?? status, TITLE_LIMIT)}]`]
}

function oneLine(text: string, limit: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > limit ? `${line.slice(0, limit).toWellFormed()}…` : line
}
