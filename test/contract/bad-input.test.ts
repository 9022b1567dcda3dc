// oxlint-disable vitest/expect-expect -- what is expected stands with each entry of the tables
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openSocket } from '../../packages/daemon/src/http/testing/raw.ts'
import { authenticationRows, hostRows, originRows } from './bad-input/access.ts'
import { agentRows } from './bad-input/agents.ts'
import { approvalRows } from './bad-input/approvals.ts'
import { downloadRows } from './bad-input/downloads.ts'
import { eventRows } from './bad-input/events.ts'
import { framingRows } from './bad-input/framing.ts'
import { questionRows } from './bad-input/questions.ts'
import { runtimeRows } from './bad-input/runtimes.ts'
import { sessionRows } from './bad-input/sessions.ts'
import { openTarget, type Row, type Target } from './bad-input/target.ts'
import { taskRows } from './bad-input/tasks.ts'
import { toolRows } from './bad-input/tools.ts'
import { absent, elsewhere, listed } from './bad-input/list.ts'
import { successionRows } from './bad-input/successions.ts'
import { uploadRows } from './bad-input/uploads.ts'

/** Whatever is sent, the daemon answers as it should, and is the same afterwards. */
const sections: Readonly<Record<string, readonly Row[]>> = {
  'who are you': authenticationRows,
  Host: hostRows,
  'Origin and Sec-Fetch': originRows,
  'method, path, framing': framingRows,
  'POST /sessions': sessionRows,
  reading: eventRows,
  tasks: taskRows,
  tools: toolRows,
  uploads: uploadRows,
  approvals: approvalRows,
  questions: questionRows,
  agents: agentRows,
  runtimes: runtimeRows,
  'sessions that change': successionRows,
  'bundles, artifacts, metrics': downloadRows,
}

const root = join(import.meta.dirname, '../..')
let target: Target
let drips: Promise<readonly string[]>
beforeAll(async () => {
  target = await openTarget()
  // They take as long as the daemon's patience, so they begin first and are looked at last.
  drips = Promise.all([
    drip(target, 'GET /health HTTP/1.1\r\nHost: '),
    drip(target, `POST /sessions HTTP/1.1\r\nHost: ${new URL(target.open.client.url).host}\r\nContent-Length: 1000\r\n\r\n`),
  ])
})
afterAll(() => target[Symbol.asyncDispose]())
afterEach(() => target.assertUnharmed())

describe.each(Object.entries(sections))('%s', (_name, rows) => {
  test.each(rows)('$id $name', (row) => row.check(target))
})

test('B061 headers and bodies that come a byte at a time', { timeout: 60_000 }, async () => {
  for (const answer of await drips) expect(answer).toMatch(/^HTTP\/1\.1 408 /)
})

test('every row of the list is here, or it is said where or why not', () => {
  const here = Object.values(sections)
    .flat()
    .flatMap(({ id }) => id.split(' '))
  for (const [file, name] of Object.values(elsewhere)) expect(readFileSync(join(root, file), 'utf8')).toContain(`'${name}'`)
  expect(listed.filter((id) => !here.includes(id) && !(id in elsewhere) && !(id in absent))).toEqual([])
})

/** Sends a start and then a byte a second until the daemon has had enough; resolves to what it said. */
async function drip({ open }: Target, start: string): Promise<string> {
  const socket = openSocket(open.client.url)
  socket.write(start)
  const timer = setInterval(() => socket.write('x'), 1_000)
  let answer = ''
  try {
    for await (const chunk of socket) answer += String(chunk)
  } catch {
    // The daemon may reset the connection after its answer.
  } finally {
    clearInterval(timer)
  }
  return answer
}
