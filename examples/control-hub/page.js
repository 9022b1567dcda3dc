import { createClient } from '@codesdkd/client'

// The hub adds the token: the page knows none.
const client = createClient({ url: '/agents' })
const [connection, form, approvals, story] = ['connection', 'task', 'approvals', 'story'].map((id) => document.getElementById(id))

form.addEventListener('submit', (event) => {
  event.preventDefault()
  start(Object.fromEntries(new FormData(form))).catch((error) => tell(error.message))
})

// What waits, in any session: shown until it is decided here or elsewhere.
const options = { onConnection: ({ phase }) => (connection.textContent = phase === 'live' ? '' : `The daemon is away: ${phase} …`) }
client.onApproval(askPerson, options).catch((error) => tell(error.message))

for await (const { event } of client.followAll({ after: 'latest', types: ['model.output.completed', 'task.*'] })) {
  if (event.type === 'model.output.completed')
    tell(event.payload.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n'))
  else tell(`${event.trace.task_id}: ${event.type}`)
}

async function start({ cwd, prompt }) {
  const { session_id } = await client.createSession({ cwd, permission_mode: 'ask' })
  await client.startTask(session_id, { messages: [{ role: 'user', content: prompt }] })
}

function askPerson({ title, input, diff }, signal) {
  const { promise, resolve } = Promise.withResolvers()
  const item = document.createElement('li')
  const what = Object.assign(document.createElement('pre'), { textContent: diff ?? `${title}\n${JSON.stringify(input, null, 2)}` })
  const reason = Object.assign(document.createElement('input'), { placeholder: 'Why not?', ariaLabel: `Why not ${title}` })
  const button = (text, decision) =>
    Object.assign(document.createElement('button'), { textContent: text, onclick: () => resolve(decision()) })
  item.append(
    what,
    reason,
    button('Approve', () => ({ decision: 'approve' })),
    button('Deny', () => ({ decision: 'deny', ...(reason.value === '' ? {} : { reason: reason.value }) })),
  )
  signal.addEventListener('abort', () => resolve(null))
  approvals.append(item)
  return promise.finally(() => item.remove())
}

function tell(text) {
  if (text !== '') story.append(`${text}\n`)
}
