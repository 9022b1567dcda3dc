import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from '../harness/browser.ts'
import { createStage } from '../harness/daemon.ts'
import { openInspector } from './testing/open-inspector.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

interface Operation {
  readonly operationId: string
}

test.each(['light', 'dark'] as const)(
  'the reference shows every operation with its examples, %s',
  { timeout: 60_000 },
  async (colorScheme) => {
    await using stage = await createStage([])
    await using daemon = await stage.start(['--log-level', 'silent'])
    const { paths } = (await daemon.client.get('/openapi.json')).body as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
    }
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
    await using shown = await openInspector(browser, daemon.client.url, { path: '/docs', colorScheme })
    const { page } = shown
    await page.locator('#startTask').waitFor()
    expect(await page.locator('details[id]').evaluateAll((all) => all.map(({ id }) => id))).toEqual(expect.arrayContaining(operations))
    await shown.shoot('reference')
    // By the keyboard: the parts open and close as a browser lets them.
    await page.locator('#startTask summary').focus()
    await page.keyboard.press('Enter')
    await page.locator('#startTask pre').first().waitFor()
    expect(await page.locator('#startTask pre').first().textContent()).toContain('"messages"')
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    await shown.shoot('reference, all of it')
    expect(shown.complaints).toEqual([])
  },
)

test('a daemon with a token asks for it, and keeps it out of the address', { timeout: 60_000 }, async () => {
  await using stage = await createStage([])
  const tokenFile = join(stage.folder.path, 'token')
  const token = 'a-token-of-thirty-two-characters'
  await writeFile(tokenFile, token, { mode: 0o600 })
  await using daemon = await stage.start(['--log-level', 'silent', '--token-file', tokenFile])
  await using shown = await openInspector(browser, daemon.client.url, { path: '/docs' })
  const { page } = shown
  await page.getByLabel('Token of the daemon').fill(token)
  await page.getByRole('button', { name: 'Show' }).click()
  await page.locator('#startTask').waitFor()
  await shown.shoot('reference')
  expect(page.url()).toBe(`${daemon.client.url}/docs`)
  expect(await page.context().cookies()).toEqual([])
})
