import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPlace, createSession, play } from '../faults/storage/place.ts'
import { launchBrowser } from '../harness/browser.ts'
import { createStage } from '../harness/daemon.ts'
import { openNginx } from '../harness/nginx.ts'
import { toNginxServer } from '../harness/proxy-examples.ts'
import { findPort } from '../harness/port.ts'
import { writeStory } from '../harness/story.ts'
import { host } from '../lifecycle/testing/host.ts'
import { openInspector } from './testing/open-inspector.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

const quiet = ['--log-level', 'silent']
const touches = (...names: readonly string[]) => ({
  name: 'touch',
  prompt: 'touch',
  legs: [...names.map((name) => ({ tools: [{ tool: 'shell' as const, command: `touch ${name}` }] })), { text: 'They are there.' }],
})

test('a person starts a session, watches it, approves what is shown, and sees what came of it', { timeout: 90_000 }, async () => {
  await using stage = await createStage([])
  await writeStory(stage.folder)
  await using daemon = await stage.start(['--offline', ...quiet])
  await using inspector = await openInspector(browser, daemon.client.url)
  const { page } = inspector

  await page.getByRole('link', { name: 'New', exact: true }).click()
  await page.getByLabel('Runtime').selectOption('codex-sdk')
  await page.getByLabel('Folder').fill(stage.folder.workspace)
  await page.getByLabel('Prompt').fill('Fix the failing test')
  await inspector.shoot('new')
  await page.getByRole('button', { name: 'Start' }).click()

  const timeline = page.getByRole('region', { name: 'Timeline' })
  const waiting = timeline.locator('.call.pending')
  await waiting.getByRole('cell', { name: '+ export const greet = (name) => `Hello, ${name}!`;' }).waitFor()
  await inspector.shoot('approval')
  await waiting.getByRole('button', { name: 'Approve' }).click()
  await waiting.getByText('node check.js').first().waitFor()
  expect(await stage.folder.read('greet.js')).toContain('Hello')
  await waiting.getByRole('button', { name: 'Approve' }).click()
  await timeline.getByText('Task completed').waitFor()
  await timeline.getByText('Hello, Ada!').waitFor()
  await timeline.getByText('exit 0').last().waitFor()
  await inspector.shoot('timeline')

  await page.getByRole('link', { name: 'Time', exact: true }).click()
  await page.getByRole('img', { name: /model .*people/ }).waitFor()
  await inspector.shoot('time')
  await page.getByRole('link', { name: 'Files', exact: true }).click()
  await page.getByRole('button', { name: /^Show what the agent was given/ }).click()
  await page.getByText('Fix the failing test').waitFor()
  await inspector.shoot('files')
  await page.getByRole('link', { name: 'Events', exact: true }).click()
  await page.getByLabel('Search events').fill('task.completed')
  await page.keyboard.press('Enter')
  await page.getByText('1 found').waitFor()
  await page.locator('.event summary').click()
  await page.getByText('"files_changed_total": 1').waitFor()
  await inspector.shoot('events')

  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Support bundle' }).click()
  expect((await saved).suggestedFilename()).toMatch(/\.tar\.gz$/)
  await page.getByRole('link', { name: 'Health', exact: true }).click()
  await page.getByRole('heading', { name: 'gemini-cli-core' }).waitFor()
  await inspector.shoot('health')
  await page.emulateMedia({ colorScheme: 'dark' })
  await inspector.shoot('health-dark')
  expect(inspector.complaints).toEqual([])
})

test('what waits in any session is decided by the keyboard alone, with a reason that the agent hears', { timeout: 90_000 }, async () => {
  await using stage = await createStage([touches('first', 'second')])
  await using daemon = await stage.start(quiet)
  const one = await daemon.client.createSession({ ...stage.session(), title: 'one' })
  const other = await daemon.client.createSession({ ...stage.session(), title: 'other' })
  const tasks = [await daemon.client.startTask(one.session_id, 'touch'), await daemon.client.startTask(other.session_id, 'touch')]
  await using inspector = await openInspector(browser, daemon.client.url)
  const { page } = inspector

  await page.getByRole('link', { name: /^other/ }).waitFor()
  await page.keyboard.press('i')
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await page.getByRole('status').getByText('2 waiting for you').waitFor({ state: 'attached' })
  await inspector.shoot('inbox')
  await page.keyboard.press('j')
  await page.keyboard.press('d')
  await page.keyboard.type('Not this one.')
  await page.keyboard.press('Enter')
  const denied = await Promise.any([one, other].map(({ session_id }) => daemon.client.event(session_id, 'tool.call.denied')))
  expect(denied.payload).toMatchObject({ decided_by: 'user', reason: 'Not this one.' })

  // The next call of that session comes behind the one that waits still: the first entry is the other session's.
  const left = denied.trace.session_id === one.session_id ? other : one
  await page.locator(`[data-key*="${denied.payload.tool_call_id}"]`).waitFor({ state: 'detached' })
  await page.evaluate('document.activeElement.blur()')
  for (let step = 0; step < 2; step += 1) await page.keyboard.press('k')
  await page
    .locator('.chosen')
    .getByRole('link', { name: left.title ?? '' })
    .waitFor()
  await page.keyboard.press('a')
  const approved = await daemon.client.event(left.session_id, 'tool.call.approved')
  expect(approved.payload.decided_by).toBe('user')

  await page.keyboard.press('s')
  await page.getByRole('link', { name: /^other/ }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Stop' }).focus()
  await page.keyboard.press('Enter')
  await page.getByText('Task stopped').waitFor()
  expect((await daemon.client.task(tasks[1] ?? { session_id: '', task_id: '' })).status).toBe('stopped')
  expect(inspector.complaints).toEqual([])
})

test('a question is a form, and its answer is what the agent goes on with', { timeout: 90_000 }, async () => {
  const ask = {
    tool: 'question' as const,
    question: 'Which database?',
    options: [{ label: 'SQLite', description: 'one file' }, { label: 'PostgreSQL' }],
  }
  await using stage = await createStage([
    { name: 'ask', prompt: 'ask', legs: [{ tools: [ask] }, { text: 'You said: {{last_tool_output}}' }] },
  ])
  await using daemon = await stage.start(quiet)
  const { session_id } = await daemon.client.createSession(stage.session())
  await daemon.client.startTask(session_id, 'ask')
  await using inspector = await openInspector(browser, daemon.client.url, { hash: '#/inbox' })
  const { page } = inspector
  await page.getByLabel('SQLite').check()
  await inspector.shoot('question')
  await page.getByRole('button', { name: 'Answer' }).click()
  await page.getByText('Nothing waits for you.').waitFor()
  const answered = await daemon.client.event(session_id, 'question.answered')
  expect(Object.values(answered.payload.content ?? {})).toEqual(['SQLite'])
  expect(inspector.complaints).toEqual([])
})

test('a daemon that was killed and started again: the page tells of it, and goes on where it was', { timeout: 90_000 }, async () => {
  await using stage = await createStage([touches('first')])
  const port = ['--port', String(await findPort())]
  await using first = await stage.start([...quiet, ...port])
  const { session_id } = await first.client.createSession(stage.session())
  await using inspector = await openInspector(browser, first.client.url, { hash: `#/sessions/${session_id}/events` })
  const { page } = inspector
  const counted = page.locator('.progress')
  await first.client.startTask(session_id, 'touch')
  await first.client.event(session_id, 'tool.call.policy_evaluated', ({ payload }) => payload.result === 'ask')
  await first.end('SIGKILL')
  await page.getByText('The connection to the daemon is lost.').first().waitFor()

  await using second = await stage.start([...quiet, ...port])
  await second.client.finish(await second.client.startTask(session_id, 'touch'))
  const stored = await second.client.events(session_id)
  await counted.getByText(`${stored.length} events`, { exact: true }).waitFor()
  await page.getByText('The connection to the daemon is lost.').first().waitFor({ state: 'hidden' })
  await page.getByRole('link', { name: 'Timeline', exact: true }).click()
  await page.getByText('daemon_restarted').first().waitFor()
  await page.getByText('Task completed').waitFor()
  expect(inspector.complaints).toEqual([])
})

test('a log of 100,000 events: whole, with a page that holds some hundred elements of it', { timeout: 120_000 }, async () => {
  await using place = await createPlace()
  await using daemon = await place.start({})
  const session = await createSession(daemon, place)
  await play(daemon, session, { count: 100_000, bytes: 20 })
  const stored = await daemon.client.get(`/sessions/${session.sessionId}`)
  await using inspector = await openInspector(browser, daemon.client.url, { hash: `#/sessions/${session.sessionId}/events` })
  const { page } = inspector
  const all = new Intl.NumberFormat('en-US').format(stored.body.last_seq)
  await page.locator('.progress').getByText(`${all} events`, { exact: true }).waitFor({ timeout: 60_000 })
  const list = page.getByRole('region', { name: 'Events' })
  await list.getByText(String(stored.body.last_seq), { exact: true }).waitFor()
  await list.evaluate(
    (element, search) => {
      element.scrollTo(0, element.scrollHeight / 2)
      // The list is drawn anew before it is told of that.
      Object.assign(search ?? {}, { value: 't' })
      search?.dispatchEvent(new Event('input', { bubbles: true }))
    },
    await page.getByLabel('Search events').elementHandle(),
  )
  const places = () => list.locator('li').evaluateAll((lines) => lines.map((line) => Number(line.getAttribute('aria-posinset'))))
  await expect.poll(async () => Math.min(...(await places()))).toBeLessThan(stored.body.last_seq * 0.7)
  expect(Math.min(...(await places()))).toBeGreaterThan(stored.body.last_seq * 0.3)
  expect(await list.locator('li').count()).toBeLessThan(200)
  await page.getByLabel('Search events').fill('task.completed')
  await page.keyboard.press('Enter')
  await page.getByText('1 found').waitFor()
  await page.getByRole('link', { name: 'Timeline', exact: true }).click()
  await page.getByText('Task completed').waitFor()
  expect(inspector.complaints).toEqual([])
})

test('a support bundle is played again, event by event and then to the end, and cannot be changed', { timeout: 90_000 }, async () => {
  await using stage = await createStage([touches('first')])
  const bundle = join(stage.folder.path, 'bundle.tar.gz')
  await using daemon = await stage.start(quiet)
  const { session_id } = await daemon.client.createSession(stage.session())
  await daemon.client.finish(await daemon.client.startTask(session_id, 'touch'))
  const answer = await fetch(`${daemon.client.url}/sessions/${session_id}/support-bundle`)
  await writeFile(bundle, new Uint8Array(await answer.arrayBuffer()))
  const events = await daemon.client.events(session_id)

  await using shown = host(['replay', bundle, '--step'], { env: { XDG_CONFIG_HOME: '/nonexistent' } })
  const { url } = JSON.parse(await shown.ready) as { url: string }
  await using inspector = await openInspector(browser, url, { hash: `#/sessions/${session_id}` })
  const { page } = inspector
  const bar = page.getByRole('group', { name: 'Replay' })
  await bar.getByText(`event 1 of ${events.length}`).waitFor()
  await bar.getByRole('button', { name: 'Next event' }).click()
  await bar.getByText(`event 2 of ${events.length}`).waitFor()
  await page.locator('.progress').getByText('2 events').waitFor()
  await bar.getByRole('button', { name: 'To the end' }).click()
  await page.getByText('Task completed').waitFor()
  await bar.getByText(`event ${events.length} of ${events.length}`).waitFor()
  await inspector.shoot('replay')
  for (const name of ['Send', 'Delete', 'Stop', 'Approve']) expect(await page.getByRole('button', { name }).count(), name).toBe(0)
  expect(inspector.complaints).toEqual([])
})

test('on a phone there is one thing at a time, and all of it fits', { timeout: 90_000 }, async () => {
  await using stage = await createStage([])
  await writeStory(stage.folder)
  await using daemon = await stage.start(['--offline', ...quiet])
  const { session_id } = await daemon.client.createSession({
    runtime: 'codex',
    cwd: stage.folder.workspace,
    permissionMode: 'ask',
    title: 'Phone',
  })
  await daemon.client.startTask(session_id, 'Fix the failing test')
  await using inspector = await openInspector(browser, daemon.client.url, {
    viewport: { width: 375, height: 700 },
    hasTouch: true,
    isMobile: true,
  })
  const { page } = inspector
  await page.getByRole('link', { name: /^Phone/ }).tap()
  const waiting = page.locator('.call.pending')
  await waiting.getByRole('button', { name: 'Approve' }).waitFor()
  await expect.poll(() => page.getByRole('navigation', { name: 'Sessions' }).isVisible()).toBe(false)
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375)
  await inspector.shoot('phone')
  await waiting.getByRole('button', { name: 'Deny' }).tap()
  await daemon.client.event(session_id, 'tool.call.denied')
  await page.getByRole('link', { name: 'Sessions', exact: true }).tap()
  await page.getByRole('link', { name: /^Phone/ }).waitFor()
  expect(inspector.complaints).toEqual([])
})

test('behind nginx, under a path of its own, with a token that no address and no cookie holds', { timeout: 90_000 }, async () => {
  await using stage = await createStage([touches('first')])
  const tokenFile = join(stage.folder.path, 'token')
  const token = 'a-token-of-thirty-two-characters'
  await writeFile(tokenFile, token, { mode: 0o600 })
  const port = await findPort()
  const origin = `http://127.0.0.1:${port}`
  const hosts = ['--base-path', '/agents', '--allow-host', new URL(origin).host, '--allow-origin', origin]
  await using daemon = await stage.start([...quiet, ...hosts, '--token-file', tokenFile])
  await using nginx = await openNginx(join(stage.folder.path, 'nginx'), { server: toNginxServer(daemon.client.url), port })
  const session = await daemon.client.request('POST', '/sessions', stage.session(), { authorization: `Bearer ${token}` })
  expect(session.status).toBe(201)

  await using inspector = await openInspector(browser, nginx.url)
  const { page } = inspector
  await page.getByLabel('This daemon asks for a token').fill(token)
  await inspector.shoot('token')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('link', { name: /workspace/ }).click()
  await page.getByLabel('Prompt').fill('touch')
  await page.keyboard.press('Control+Enter')
  const waiting = page.locator('.call.pending')
  await waiting.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('Task completed').waitFor()
  expect(await stage.folder.read('first')).toBe('')
  expect(page.url()).not.toContain(token)
  expect(await page.context().cookies()).toEqual([])

  await using given = await openInspector(browser, nginx.url, { hash: `#token=${token}` })
  await given.page.getByRole('link', { name: /workspace/ }).waitFor()
  expect(given.page.url()).not.toContain(token)

  const body = { verbs: ['sessions:read', 'events:read'], ttl_s: 60 }
  const minted = await daemon.client.request('POST', '/tokens', body, { authorization: `Bearer ${token}` })
  await using reader = await openInspector(browser, nginx.url, { hash: `#token=${minted.body.token}` })
  await reader.page.getByRole('link', { name: /workspace/ }).click()
  await reader.page.getByText('Task completed').waitFor()
  await reader.page.getByLabel('Prompt').fill('touch')
  await reader.page.getByRole('button', { name: 'Send' }).click()
  await reader.page.getByRole('alert').getByText('The token does not allow this.').waitFor()
  expect([...inspector.complaints, ...given.complaints, ...reader.complaints]).toEqual([])
})
