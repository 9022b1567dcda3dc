import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { ApiError, type Client } from '@codesdkd/client/node'
import type { Session, Task } from '@codesdkd/protocol'
import { toJson, toTable } from '../report.ts'
import type { Call, Command } from './command.ts'
import { toReceiptText } from './receipt-text.ts'
import { toSafeLine, toSafeText } from './safe-text.ts'
import { createStory } from './story.ts'
import { UsageError } from './usage-error.ts'

export const sessions: Command = {
  words: [],
  summary: 'list the sessions of the data directory',
  flags: {
    archived: { value: null, help: 'only those that are archived' },
    runtime: { value: '<name>', help: 'only those of a runtime' },
  },
  async run({ client, json, screen, text, signal }) {
    const runtime = text('runtime')
    const all = await allSessions(client, { scope: text('archived') === undefined ? 'all' : 'archived', runtime }, signal)
    if (json) screen.write(toJson(all))
    else if (all.length === 0) screen.line('There is no session.')
    else screen.write(toTable([['SESSION', 'RUNTIME', 'PHASE', 'CREATED', 'TITLE OR FOLDER'], ...all.map(toRow)]))
    return 0
  },
}

function toRow({ session_id, runtime, phase, created_at, title, cwd, archived }: Session): string[] {
  return [session_id, runtime, archived ? 'archived' : phase, toTime(created_at), toSafeLine(title ?? cwd)]
}

async function allSessions(client: Client, query: { scope: 'all' | 'archived'; runtime: string | undefined }, signal: AbortSignal) {
  const all: Session[] = []
  for (let after: string | undefined; ;) {
    const page = await client.listSessions({ ...query, after, limit: 500 }, { signal })
    all.push(...page.sessions)
    if (page.next_after === null) return all
    after = page.next_after
  }
}

export const show: Command = {
  words: ['<session>'],
  summary: 'show what was said and done in a session',
  flags: {},
  run: (call) => tellEvents(call, 'idle'),
}

export const follow: Command = {
  words: ['<session>'],
  summary: 'the same, and go on as it happens, until Ctrl-C',
  flags: { after: { value: '<seq>', help: 'begin behind this event (0)' } },
  run: (call) => tellEvents(call, undefined),
}

async function tellEvents({ words, client, json, screen, text, signal }: Call, until: 'idle' | undefined): Promise<number> {
  const [sessionId = ''] = words
  const after = Number(text('after') ?? 0)
  if (!Number.isInteger(after) || after < 0) throw new UsageError('--after must be the seq of an event')
  const story = createStory(screen)
  // What is not finished yet would keep `until` from ending: what there is now is told.
  const { last_seq } = await client.getSession(sessionId, { signal })
  if (until === 'idle' && last_seq <= after) return 0
  try {
    for await (const event of client.follow(sessionId, { after, signal })) {
      if (json) screen.line(JSON.stringify(event))
      else {
        if (event.type === 'task.started')
          screen.line(screen.style(['bold', 'blue'], `\n» ${toSafeText(toPrompt(event.payload.messages))}`))
        story.tell(event)
        if (event.type === 'task.completed' || event.type === 'task.failed' || event.type === 'task.stopped') {
          const { reason, error = null, receipt } = event.payload
          const status = event.type === 'task.completed' ? 'completed' : event.type === 'task.failed' ? 'failed' : 'stopped'
          const about = { session_id: sessionId, task_id: event.trace.task_id ?? '', status, reason, error, receipt } as const
          screen.line(toReceiptText(about, screen.style))
        }
      }
      if (until === 'idle' && event.seq >= last_seq) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return 0
}

function toPrompt(messages: readonly { readonly role: string; readonly content: unknown }[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content
  return typeof content === 'string' ? content : JSON.stringify(content ?? '')
}

export const tasks: Command = {
  words: ['<session>'],
  summary: 'list the tasks of a session',
  flags: {},
  async run({ words: [sessionId = ''], client, json, screen, signal }) {
    const all: Task[] = []
    for (let after: string | undefined; ;) {
      const page = await client.listTasks(sessionId, { after, limit: 500 }, { signal })
      all.push(...page.tasks)
      if (page.next_after === null) break
      after = page.next_after
    }
    if (json) screen.write(toJson(all))
    else {
      const rows = all.map(({ task_id, phase, created_at, reason, error }) => [
        task_id,
        phase,
        toTime(created_at),
        toSafeLine(error?.message ?? reason ?? ''),
      ])
      screen.write(toTable([['TASK', 'PHASE', 'CREATED', 'REASON'], ...rows]))
    }
    return 0
  },
}

export const stop: Command = {
  words: ['<session>', '[task]'],
  summary: 'stop a task; without one, every task of the session that is open',
  flags: { tree: { value: null, help: 'end every process that the agent has started, too' } },
  async run({ words: [sessionId = '', taskId], client, json, screen, text, signal }) {
    const open = taskId === undefined ? await openTasks(client, sessionId, signal) : [taskId]
    const scope = text('tree') === undefined ? ('task' as const) : ('tree' as const)
    // The last first: what waits would begin when what runs has ended.
    const answers = []
    for (const id of open.toReversed()) answers.push(await client.stopTask(sessionId, id, { scope }, { signal }))
    if (json) screen.write(toJson(answers))
    else if (answers.length === 0) screen.line('No task is open.')
    else for (const { task_id, status } of answers) screen.line(`${task_id}  ${status}`)
    return 0
  },
}

async function openTasks(client: Client, sessionId: string, signal: AbortSignal): Promise<string[]> {
  const open: string[] = []
  for (let after: string | undefined; ;) {
    const page = await client.listTasks(sessionId, { after, limit: 500 }, { signal })
    open.push(...page.tasks.filter(({ status }) => status === 'running').map(({ task_id }) => task_id))
    if (page.next_after === null) return open
    after = page.next_after
  }
}

export const bundle: Command = {
  words: ['<session>', '[file]'],
  summary: 'write the support bundle of a session into a file',
  flags: { task: { value: '<id>', help: 'name a task in it' } },
  async run({ words: [sessionId = '', file], client, json, screen, text, signal }) {
    const task = text('task')
    const answer = await client.getSupportBundle(sessionId, task === undefined ? {} : { task_id: task }, { signal })
    const given = /filename="?([A-Za-z0-9._-]+)"?/.exec(answer.headers.get('content-disposition') ?? '')?.[1]
    const path = file ?? given ?? 'codesdk-support-bundle.tar.gz'
    // Never over a file that is there: what it holds may not be kept anywhere else.
    if (answer.body !== null) await pipeline(answer.body, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal }).catch(refuse)
    if (json) screen.write(toJson({ path }))
    else screen.line(path)
    return 0
  },
}

function refuse(error: unknown): never {
  if (error instanceof ApiError || !(error instanceof Error)) throw error
  throw new UsageError(`cannot write the bundle: ${error.message}`)
}

const two = (part: number) => String(part).padStart(2, '0')

/** Local time, to the minute. */
export function toTime(iso: string): string {
  const time = new Date(iso)
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}`
}
