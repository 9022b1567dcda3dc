import { addFact } from './facts.ts'

/** The daemon as a client may expect it to be: nothing here knows how it is made. */
export interface Model {
  readonly sessions: ModelSession[]
  /** Grows with every start of the daemon. */
  life: number
  /** How many names of each kind were given. */
  readonly given: Record<string, number>
}

export interface ModelSession {
  readonly name: string
  /** What the log says, in order. */
  facts: string[]
  tasks: ModelTask[]
  archived: boolean
  deleted: boolean
  /** The life of the daemon in which it was made. */
  readonly life: number
  /** What there was when a task last ended: a fork begins with that. */
  atLastEnd: Pick<ModelSession, 'facts' | 'tasks'> | null
}

export interface ModelTask {
  readonly name: string
  readonly prompt: string
  status: 'queued' | 'running' | 'completed' | 'failed' | 'stopped'
  /** What was said in the block that is open. */
  open: string
  readonly calls: ModelCall[]
  readonly questions: ModelQuestion[]
}

export interface ModelCall {
  readonly name: string
  state: 'waits' | 'approved' | 'runs' | 'denied' | 'over'
  decision: 'approved' | 'denied' | null
  by: 'user' | 'daemon' | null
}

export interface ModelQuestion {
  readonly name: string
  /** Null while it waits; else what was answered, or by whom it was cancelled. */
  answer: string | null
}

export function createModel(): Model {
  return { sessions: [], life: 1, given: {} }
}

export function freshName(model: Model, kind: string): string {
  model.given[kind] = (model.given[kind] ?? 0) + 1
  return `${kind}${model.given[kind]}`
}

export function addSession(model: Model): ModelSession {
  const session: ModelSession = {
    name: freshName(model, 's'),
    facts: ['created'],
    tasks: [],
    archived: false,
    deleted: false,
    life: model.life,
    atLastEnd: null,
  }
  model.sessions.push(session)
  return session
}

export const runningTask = (session: ModelSession): ModelTask | undefined => session.tasks.find(({ status }) => status === 'running')
export const openTasks = (session: ModelSession): readonly ModelTask[] =>
  session.tasks.filter(({ status }) => status === 'running' || status === 'queued')
export const waitingCalls = (task: ModelTask): readonly ModelCall[] => task.calls.filter(({ state }) => state === 'waits')
export const openQuestions = (task: ModelTask): readonly ModelQuestion[] => task.questions.filter(({ answer }) => answer === null)

export function startTask(session: ModelSession, name: string, prompt: string): ModelTask {
  const waits = openTasks(session).length > 0
  const task: ModelTask = { name, prompt, status: waits ? 'queued' : 'running', open: '', calls: [], questions: [] }
  session.tasks.push(task)
  session.facts.push(`${waits ? 'queued' : 'started'} ${name}`)
  return task
}

export function say(session: ModelSession, task: ModelTask, words: string): void {
  task.open += words
  addFact(session.facts, `said ${task.name}: ${words}`)
}

export function askLeave(session: ModelSession, task: ModelTask, name: string): void {
  endText(session, task)
  task.calls.push({ name, state: 'waits', decision: null, by: null })
  session.facts.push(`asked ${name} attempt 1`, `judged ${name}: ask by codesdk`)
}

export function decide(session: ModelSession, call: ModelCall, decision: 'approved' | 'denied'): void {
  Object.assign(call, { decision, by: 'user', state: decision })
  session.facts.push(`judged ${call.name}: ${decision === 'approved' ? 'allow' : 'deny'} by user`, `${decision} ${call.name} by user`)
}

/** The agent has heard that it may, and begins. */
export function begin(session: ModelSession, call: ModelCall): void {
  call.state = 'runs'
  session.facts.push(`began ${call.name}`)
}

/** What the agent says meanwhile goes on. */
export function finishCall(session: ModelSession, call: ModelCall): void {
  call.state = 'over'
  session.facts.push(`ran ${call.name}`)
}

export function askWord(session: ModelSession, task: ModelTask, name: string): void {
  endText(session, task)
  task.questions.push({ name, answer: null })
  session.facts.push(`question ${name}`)
}

export function answer(session: ModelSession, question: ModelQuestion, word: string | null): void {
  question.answer = word === null ? 'decline' : `accept ${word}`
  session.facts.push(
    word === null ? `answered ${question.name}: decline by user` : `answered ${question.name}: accept by user ${JSON.stringify({ word })}`,
  )
}

/** The agent has nothing more to say. */
export function complete(session: ModelSession, task: ModelTask): void {
  endText(session, task)
  endTask(session, task, 'completed', '')
  startNext(session)
}

/** What waits of a task is denied and cancelled, before its end. */
export function denyOpen(session: ModelSession, task: ModelTask, reason: string): void {
  for (const call of waitingCalls(task)) {
    Object.assign(call, { state: 'denied', decision: 'denied', by: 'daemon' })
    session.facts.push(`denied ${call.name} by daemon: ${reason}`)
  }
  for (const question of openQuestions(task)) {
    question.answer = `cancel ${reason}`
    session.facts.push(`answered ${question.name}: cancel by daemon ${reason}`)
  }
}

/** A task is cut off: by a stop, which is told to the agent first, or by what befell the daemon. */
export function cutTask(session: ModelSession, task: ModelTask, status: 'stopped' | 'failed', reason: string, gently: boolean): void {
  if (gently) denyOpen(session, task, reason)
  endText(session, task, ', cut')
  denyOpen(session, task, reason)
  for (const call of task.calls.filter(({ state }) => state === 'runs')) {
    call.state = 'over'
    session.facts.push(`cut ${call.name}`)
  }
  endTask(session, task, status, `: ${reason}`)
}

export function stopTask(session: ModelSession, task: ModelTask): void {
  cutTask(session, task, 'stopped', 'stopped_by_user', true)
  startNext(session)
}

/** The daemon was killed, and has started again. */
export function crash(model: Model): void {
  model.life += 1
  for (const session of model.sessions) for (const task of openTasks(session)) cutTask(session, task, 'failed', 'daemon_restarted', false)
}

/** The daemon was asked to end, and has started again. */
export function restart(model: Model): void {
  model.life += 1
  for (const session of model.sessions) {
    for (const task of session.tasks.filter(({ status }) => status === 'queued')) cutTask(session, task, 'stopped', 'daemon_shutdown', true)
    const running = runningTask(session)
    if (running !== undefined) cutTask(session, running, 'stopped', 'daemon_shutdown', true)
  }
}

/** A second session out of the first: as of its last end, or of its last event. */
export function fork(model: Model, session: ModelSession, where: 'end' | 'tip'): ModelSession {
  const past = where === 'tip' ? session : (session.atLastEnd ?? { facts: ['created'], tasks: [] })
  const forked = addSession(model)
  Object.assign(forked, structuredClone({ facts: past.facts, tasks: past.tasks, atLastEnd: session.atLastEnd }))
  if (where === 'end') forked.atLastEnd = structuredClone(session.atLastEnd)
  forked.facts.push('forked')
  for (const task of openTasks(forked)) cutTask(forked, task, 'stopped', 'forked', false)
  return forked
}

export function startNext(session: ModelSession): void {
  const next = session.tasks.find(({ status }) => status === 'queued')
  if (next === undefined || runningTask(session) !== undefined) return
  next.status = 'running'
  session.facts.push(`started ${next.name}`)
}

function endText(session: ModelSession, task: ModelTask, how = ''): void {
  if (task.open !== '') session.facts.push(`text ${task.name}${how}: ${task.open}`)
  task.open = ''
}

function endTask(session: ModelSession, task: ModelTask, status: 'completed' | 'stopped' | 'failed', why: string): void {
  task.status = status
  session.facts.push(`${status} ${task.name}${why}`)
  session.atLastEnd = structuredClone({ facts: session.facts, tasks: session.tasks })
}
