import type { Event, EventOf, Session } from '@codesdkd/protocol'
import { finish, play, type Round, type RoundOptions } from '../../conformance/round.ts'
import { endlessTalk, mend, shell, type Script, type ToolInput } from '../../conformance/script.ts'
import type { Subject } from '../../conformance/subject.ts'
import { until } from '../../conformance/until.ts'
import type { TestClient } from '../../harness/client.ts'
import type { Way } from './ways.ts'

/** The smallest picture there is: one red point. */
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'

/** The file in the workspace with which a command says that it runs. */
const sign = 'begun.txt'

/** Everything that a command can easily see of itself and of others, and more than a preview holds. */
const lookAround = (walled: boolean) => [
  'env',
  'tr "\\0" "\\n" < /proc/$PPID/environ',
  // Without a wall the processes of the daemon's user are open to it, the daemon among them.
  ...(walled ? ['cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"', 'cat "$HOME"/.*/* 2>/dev/null'] : []),
  'seq 1 20000',
]

const note = (server: string): ToolInput => ({ tool: 'mcp', server, name: 'add', input: { text: `by ${server}` } })

/** What the model says to whom. `refused-<way>` is an endpoint that shows the key that it refuses. */
export function toKeyScript(subject: Subject, keys: Readonly<Record<Way, string>>, walled: boolean): Script {
  const refusals = Object.entries(keys).map(([way, key]) => [`refused-${way}`, [{ fault: toRefusal(key) }]] as const)
  return {
    answer: [{ reasoning: 'Let me think.', text: 'Hello.' }],
    look: [{ tools: [shell(lookAround(walled).join('; '))] }, { text: 'Seen.' }],
    edit: [...mend(subject), { text: 'Mended.' }],
    picture: [{ text: 'Red.' }],
    consult: [
      { tools: [{ tool: 'question', question: 'Which colour?', options: [{ label: 'Red' }, { label: 'Blue' }] }] },
      { text: 'So be it.' },
    ],
    note: [{ tools: [note('pipe')] }, { tools: [note('wire')] }, { text: 'Noted.' }],
    talk: [endlessTalk],
    wait: [{ tools: [shell(`echo begun > ${sign}; tail -s 7771 -f /dev/null`, { waitMs: 600_000 })] }, { text: 'Waited.' }],
    after: [{ text: 'Here again.' }],
    ...Object.fromEntries(refusals),
  }
}

function toRefusal(key: string) {
  const message = `Incorrect API key provided: ${key}. You sent ${encodeURIComponent(key)}, Bearer ${key}.`
  return {
    kind: 'status',
    status: 401,
    body: { error: { type: 'authentication_error', message, code: 401, status: 'UNAUTHENTICATED' } },
    headers: { 'x-shown': key },
  } as const
}

export interface Play {
  readonly subject: Subject
  readonly client: TestClient
  readonly session: Session
  readonly way: Way
  /** The agent's processes of this session are looked at now; `deep`: their memory too. */
  look(moment: string, deep: boolean): Promise<void>
  /** Kills the agent. */
  kill(): Promise<void>
  read(name: string): Promise<string | null>
}

/** One task of each kind, but for what comes after the daemon's own end. Returns how each ended. */
export async function playAll(scene: Play): Promise<Readonly<Record<string, string>>> {
  const { subject, client, session, way, look } = scene
  const ends: Record<string, string> = {}
  const task = async (prompt: string, more?: RoundOptions['task']) =>
    keep(prompt, await play(client, session, prompt, { decide, ...(more && { task: more }) }))
  const keep = (prompt: string, { end }: Round) => void (ends[prompt] = toEnd(end))
  await task('answer')
  await task('look')
  await task('edit')
  if (subject.capabilities.supports_attachments) await task('picture', { messages: [{ role: 'user', content: toPicture('picture') }] })
  if (subject.capabilities.supports_questions) keep('consult', await consult(scene))
  await task('note')
  keep('talk', await stopInTheMiddle(scene))
  keep('wait', await killInTheMiddle(scene))
  await task(`refused-${way}`)
  await look('it is idle after a refusal', true)
  return ends
}

/** After the daemon has begun anew. */
export async function playAfter({ client, session, look }: Play): Promise<string> {
  const { end } = await play(client, session, 'after', { decide })
  await look('it is idle after a restart', true)
  return toEnd(end)
}

/** Everything is allowed but what leaves this machine. */
function decide({ payload }: EventOf<'tool.call.requested'>): string | null {
  return payload.kind === 'fetch' ? 'Not from here.' : null
}

function toEnd(end: Event): string {
  return end.type === 'task.failed' ? `${end.type} ${end.payload.error.code}` : end.type
}

function toPicture(text: string) {
  return [
    { type: 'text', text },
    { type: 'image', media_type: 'image/png', data: picture },
  ]
}

async function consult({ client, session }: Play): Promise<Round> {
  const task = await client.startTask(session.session_id, 'consult')
  const ended = finish(client, session, task, decide)
  const { payload } = await client.event(session.session_id, 'question.asked')
  const path = `/sessions/${session.session_id}/questions/${payload.question_id}/answer`
  await client.post(path, { outcome: 'accept', content: { nothing: 'that fits' } })
  await client.post(path, { outcome: 'decline', reason: 'As you like.' })
  return ended
}

async function stopInTheMiddle({ client, session, look }: Play): Promise<Round> {
  const task = await client.startTask(session.session_id, 'talk')
  await client.event(session.session_id, 'model.output.delta', ({ trace }) => trace.task_id === task.task_id)
  await look('it speaks', false)
  await client.post(`/sessions/${session.session_id}/tasks/${task.task_id}/stop`)
  return finish(client, session, task, decide)
}

async function killInTheMiddle({ client, session, look, kill, read }: Play): Promise<Round> {
  const task = await client.startTask(session.session_id, 'wait')
  const ended = finish(client, session, task, decide)
  await until(async () => (await read(sign)) !== null)
  await look('its command runs', true)
  await kill()
  return ended
}
