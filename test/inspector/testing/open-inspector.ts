import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'

/** A page of the daemon in a window of its own, and what went wrong in it: nothing may. */
export interface Inspector extends AsyncDisposable {
  readonly page: Page
  /** Expects axe to find nothing wrong in what is shown now. With SCREENSHOTS in the environment, a picture of it goes into the documentation. */
  shoot(name: string): Promise<void>
  /** What the page asked of anybody else than its own daemon, what its policy refused, and what it failed at. */
  readonly complaints: readonly string[]
}

export async function openInspector(
  browser: Browser,
  url: string,
  { path = '/inspector', hash = '', ...options }: BrowserContextOptions & { readonly path?: string; readonly hash?: string } = {},
): Promise<Inspector> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // That the daemon is away is what a test may be about.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL(url).origin)) complaints.push(`asks ${request.url()}`)
  })
  await page.goto(`${url}${path}${hash}`)
  return {
    page,
    complaints,
    async shoot(name) {
      if (process.env['SCREENSHOTS'] !== undefined && shown.has(name)) await page.screenshot({ path: join(pictures, `${name}.png`) })
      // The policy of the page lets no script in; a world of its own is not bound by it.
      const session = await context.newCDPSession(page)
      const { frameTree } = await session.send('Page.getFrameTree')
      const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id })
      await session.send('Runtime.evaluate', { contextId: executionContextId, expression: axeSource() })
      const { result } = await session.send('Runtime.evaluate', {
        contextId: executionContextId,
        expression: `axe.run().then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html.slice(0, 160) + ' ' + failureSummary) }))))`,
        awaitPromise: true,
        returnByValue: true,
      })
      await session.detach()
      expect(JSON.parse(String(result.value)), name).toEqual([])
    },
    [Symbol.asyncDispose]: () => context.close(),
  }
}

/** What the documentation shows. */
const shown: ReadonlySet<string> = new Set(['approval', 'inbox', 'time', 'events', 'phone', 'health-dark'])
const pictures = join(import.meta.dirname, '../../../docs/images')
const axeSource = () => readFileSync(fileURLToPath(import.meta.resolve('axe-core')), 'utf8')
