import { existsSync, globSync, mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { launchBrowser } from '../harness/browser.ts'
import { run } from '../lifecycle/testing/host.ts'
import { pages, root } from './page.ts'

interface Seen {
  readonly links: readonly string[]
  readonly ids: readonly string[]
}

const eleventy = join(root, 'node_modules/@11ty/eleventy/cmd.cjs')

/** Runs in the page, where there is a document; here there is none. */
const look = (page: Page): Promise<Seen> =>
  page.evaluate<Seen>(`({
    links: Array.from(document.querySelectorAll('a[href]'), ({ href }) => href),
    ids: Array.from(document.querySelectorAll('[id]'), ({ id }) => id),
  })`)

/** Links into the site that lead to no file, or to no heading of a page. */
function findBroken(seen: ReadonlyMap<string, Seen>): readonly string[] {
  return [...seen].flatMap(([from, { links }]) =>
    links
      .filter((link) => link.startsWith('file:'))
      .filter((link) => {
        const { hash, href } = new URL(link)
        const page = href.slice(0, href.length - hash.length)
        if (!existsSync(fileURLToPath(page))) return true
        return hash !== '' && seen.get(page)?.ids.includes(decodeURIComponent(hash.slice(1))) !== true
      })
      .map((link) => `${from} -> ${link}`),
  )
}

test('the site is whole: every link leads somewhere, and nothing is loaded from elsewhere', { timeout: 120_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'codesdkd-site-'))
  const built = await run(process.execPath, [eleventy, '--config=site/eleventy.config.mjs', '--quiet', `--output=${folder.path}`])
  expect(built).toMatchObject({ code: 0 })
  const files = globSync('{*,docs/**/*,packages/*/*}.html', { cwd: folder.path })
  expect(files).toEqual(expect.arrayContaining(pages.map((page) => (page === 'README.md' ? 'index.html' : page.replace(/\.md$/, '.html')))))

  const browser = await launchBrowser()
  await using _browser = { [Symbol.asyncDispose]: () => browser.close() }
  const page = await browser.newPage()
  const loaded: string[] = []
  const failed: string[] = []
  page.on('request', (request) => void loaded.push(request.url()))
  page.on('requestfailed', (request) => void failed.push(request.url()))
  const seen = new Map<string, Seen>()
  for (const file of files) {
    const { href } = pathToFileURL(join(folder.path, file))
    await page.goto(href)
    seen.set(href, await look(page))
  }
  expect(findBroken(seen)).toEqual([])
  expect(failed).toEqual([])
  expect(loaded.filter((url) => !url.startsWith(pathToFileURL(folder.path).href) && !url.startsWith('data:'))).toEqual([])
  expect(loaded.filter((url) => url.endsWith('.png')).length).toBeGreaterThan(3)
})
