import type { Event } from '@codesdkd/protocol'

/** What an event says as far as the model speaks of it, in words; null where it does not. */
export function toFact(event: Event, names: Names): string | null {
  const task = names.task(event.trace.task_id ?? '')
  switch (event.type) {
    case 'session.created':
      return 'created'
    case 'session.forked':
      return 'forked'
    case 'session.updated':
      return `updated ${JSON.stringify(event.payload.changed)}`
    case 'task.queued':
      return `queued ${task}`
    case 'task.started':
      return `started ${task}`
    case 'task.completed':
      return `completed ${task}`
    case 'task.failed':
      return `failed ${task}: ${event.payload.reason}`
    case 'task.stopped':
      return `stopped ${task}: ${event.payload.reason}`
    case 'model.output.delta':
      return `said ${task}: ${event.payload.delta}`
    case 'model.output.completed': {
      const text = event.payload.content.map((block) => ('text' in block ? block.text : '')).join('')
      return `text ${task}${event.payload.partial === true ? ', cut' : ''}: ${text}`
    }
    case 'question.asked':
      return `question ${names.question(event.payload.question_id)}`
    case 'question.answered': {
      const { question_id, outcome, answered_by, content, reason } = event.payload
      const word = content === undefined ? '' : ` ${JSON.stringify(content)}`
      return `answered ${names.question(question_id)}: ${outcome} by ${answered_by}${word}${answered_by === 'daemon' ? ` ${reason}` : ''}`
    }
    default:
      return toCallFact(event, names)
  }
}

/** Names of the model for ids of the daemon. */
export interface Names {
  task(id: string): string
  call(id: string): string
  question(id: string): string
}

function toCallFact(event: Event, names: Names): string | null {
  switch (event.type) {
    case 'tool.call.requested':
      return `asked ${names.call(event.payload.tool_call_id)} attempt ${event.payload.attempt}`
    case 'tool.call.policy_evaluated':
      return `judged ${names.call(event.payload.tool_call_id)}: ${event.payload.result} by ${event.payload.source}`
    case 'tool.call.approved':
      return `approved ${names.call(event.payload.tool_call_id)} by ${event.payload.decided_by}`
    case 'tool.call.denied': {
      const { tool_call_id, decided_by, reason } = event.payload
      return `denied ${names.call(tool_call_id)} by ${decided_by}${decided_by === 'daemon' ? `: ${reason}` : ''}`
    }
    case 'tool.call.started':
      return `began ${names.call(event.payload.tool_call_id)}`
    case 'tool.call.completed':
      return `${event.payload.is_error ? 'cut' : 'ran'} ${names.call(event.payload.tool_call_id)}`
    default:
      return null
  }
}

/** Adds a fact; pieces of one text count as one. */
export function addFact(facts: string[], fact: string): void {
  const last = facts.at(-1)
  const [, head, piece] = /^(said \w+: )(.*)$/s.exec(fact) ?? []
  if (head !== undefined && last?.startsWith(head) === true) facts[facts.length - 1] = last + piece
  else facts.push(fact)
}
