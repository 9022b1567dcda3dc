import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { launchBrowser } from '../harness/browser.ts'
import { createFolder } from '../harness/workspace.ts'
import { root } from '../lifecycle/testing/host.ts'
import { writeStory } from '../harness/story.ts'

/** The hub as a process of its own; resolves when it has said where to log in. */
async function startHub(args: readonly string[]): Promise<{ readonly login: string; readonly origin: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [join(root, 'examples/control-hub/main.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const [login] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    login,
    origin: new URL(login).origin,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await gone
    },
  }
}

test('the hub lets in who has its key, and nobody else; a daemon that dies under it is started again', { timeout: 90_000 }, async () => {
  await using folder = await createFolder()
  await writeStory(folder)
  await using hub = await startHub(['--offline', '--data-dir', folder.dataDir, '--log-level', 'silent'])
  const asked = (path: string, init: RequestInit = {}) => fetch(hub.origin + path, { redirect: 'manual', ...init })
  const cookie = (await asked(new URL(hub.login).pathname + new URL(hub.login).search)).headers.get('set-cookie') ?? ''
  expect(cookie).toContain('HttpOnly; SameSite=Strict')
  const let_in = { cookie: cookie.split(';')[0] ?? '' }
  expect((await asked('/agents/sessions')).status).toBe(401)
  expect((await asked('/login?key=wrong')).status).toBe(401)
  expect((await asked('/agents/status', { headers: let_in })).status).toBe(200)
  // What a browser sends along from a page of somebody else.
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
    expect((await asked('/agents/sessions', { method: 'POST', headers: { ...let_in, ...headers } })).status).toBe(403)

  await using browser = await launchBrowser()
  const page = await browser.newPage()
  await page.goto(hub.login)
  await page.getByLabel('Folder').fill(folder.workspace)
  await page.getByLabel('What is to be done?').fill('Fix the failing test')
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('listitem').getByText('+export const greet').waitFor()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByRole('listitem').getByText('node check.js').first().waitFor()
  expect(await readFile(join(folder.workspace, 'greet.js'), 'utf8')).toContain('Hello')
  expect(await page.content()).not.toMatch(/Bearer|codesdkd_/)

  const { pid } = JSON.parse(await readFile(join(folder.dataDir, 'daemon.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await page.getByText('task.failed').waitFor()
  await expect.poll(() => page.getByRole('listitem').count()).toBe(0)
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('listitem').getByText('node check.js').first().waitFor()
  await page.getByLabel('Why not').fill('Not now.')
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByText('task.completed').waitFor()
})
