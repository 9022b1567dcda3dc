import { routes } from '../../packages/daemon/src/http/routes.ts'
import type { Examples } from '../../packages/daemon/src/http/examples.ts'
import type { TestClient } from '../harness/client.ts'
import { createBench, type TestBench } from '../harness/daemon.ts'

const ask = { tool: 'question' as const, question: 'Which database?', options: [{ label: 'SQLite' }, { label: 'PostgreSQL' }] }
const legs = [
  { text: 'I look first.', tools: [{ tool: 'shell' as const, command: 'cat greet.js' }] },
  {
    tools: [
      {
        tool: 'edit' as const,
        path: 'greet.js',
        old_text: 'export const greet = (name) => `Helo, ${name}!`;',
        new_text: 'export const greet = (name) => `Hello, ${name}!`;',
      },
    ],
  },
  { tools: [{ tool: 'shell' as const, command: 'touch proof' }] },
  { tools: [ask] },
  { text: 'The greeting is right now.' },
]

/** What a real daemon with a real agent answers, one example for each operation that answers JSON: with ids, times and places that are always the same. */
export async function recordExamples(): Promise<Examples> {
  await using bench = await createBench({ scenarios: [{ name: 'fix', prompt: 'fix', legs }], args: ['--metrics'] })
  const taken: Record<string, { request?: unknown; answer: unknown }> = {}
  const take = async (method: string, path: string, body?: unknown) => {
    const { status, body: answer, text } = await bench.client.request(method, path, body)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
    const one = routes.find((route) => route.method === method && fits(route.path, path.split('?')[0] ?? ''))
    if (one === undefined) throw new Error(`there is no ${method} ${path}`)
    taken[one.operationId] = { ...(body === undefined ? {} : { request: body }), answer }
    return answer
  }
  await playStory(bench, take)
  return JSON.parse(toStable(JSON.stringify(taken), bench)) as Examples
}

type Take = (method: string, path: string, body?: unknown) => Promise<Record<string, string>>

async function playStory({ client, session: newSession }: TestBench, take: Take): Promise<void> {
  const created = await take('POST', '/sessions', newSession({ title: 'Mend the greeting' }))
  const session = `/sessions/${created['session_id']}`
  const task = await take('POST', `${session}/tasks`, { messages: [{ role: 'user', content: 'fix' }], task_id: 'mend' })
  await untilAsked(client, created, 0)
  await take('GET', '/approvals')
  await decide(client, created, 0, (path, body) => take('POST', `${path}/approve`, body))
  await untilAsked(client, created, 1)
  await decide(client, created, 1, (path, body) => take('POST', `${path}/deny`, { ...body, reason: 'Ask me first.' }))
  const { payload } = await client.event(created['session_id'] ?? '', 'question.asked')
  await take('GET', '/questions')
  const content = { question: 'SQLite' }
  await take('POST', `${session}/questions/${payload.question_id}/answer`, { outcome: 'accept', content })
  await client.finish({ session_id: created['session_id'] ?? '', task_id: task['task_id'] ?? '' })

  for (const path of ['', '/tasks', '/tasks/mend', '/events?after_seq=0&limit=3', '/transcript']) await take('GET', `${session}${path}`)
  await take('POST', `${session}/tasks/mend/stop`, {})
  await take('PATCH', session, { title: 'Mended' })
  const data = Buffer.from('a,b\n1,2\n').toString('base64')
  await take('POST', '/artifacts', { session_id: created['session_id'], data, content_type: 'text/csv', name: 'table.csv' })
  await take('POST', `${session}/fork`, { title: 'Another way' })
  await take('POST', `${session}/handoff`, { runtime: 'claude' })
  await take('POST', '/tokens', { verbs: ['sessions:read', 'events:read'], ttl_s: 900 })
  for (const path of ['/', '/status', '/livez', '/readyz', '/runtimes', '/sessions', '/health', '/capabilities', '/auth/status'])
    await take('GET', path)
}

function untilAsked(client: TestClient, created: Record<string, string>, skipped: number) {
  let left = skipped
  return client.event(created['session_id'] ?? '', 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask' && left-- === 0)
}

async function decide(
  client: TestClient,
  created: Record<string, string>,
  skipped: number,
  say: (path: string, body: { attempt: number; input_hash: string }) => Promise<unknown>,
): Promise<void> {
  const { payload } = await untilAsked(client, created, skipped)
  const { tool_call_id, attempt, input_hash } = payload
  await say(`/sessions/${created['session_id']}/tool-calls/${tool_call_id}`, { attempt, input_hash })
}

function fits(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)
}

/** Ids by the order in which they appear; one time, one place, one port. */
function toStable(text: string, { folder, model }: TestBench): string {
  const known = new Map<string, string>()
  const stable = (id: string, length: number) => {
    const one = known.get(id) ?? String(known.size + 1).padStart(length, '0')
    known.set(id, one)
    return one
  }
  return text
    .replaceAll(folder.path, '/home/ada')
    .replaceAll(model.url, 'http://127.0.0.1:8080')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-01-01T12:00:00.000Z')
    .replaceAll(/codesdkd_[\w-]{20,}/g, 'codesdkd_…')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => `00000000-0000-4000-8000-${stable(id, 12)}`)
    .replaceAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g, (id) => stable(id, 64))
    .replaceAll(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g, (id) => stable(id, 32))
    .replaceAll(/"((?:\w+_)?ms|bytes|uptime_s)":\d+(?:\.\d+)?/g, '"$1":1')
}
