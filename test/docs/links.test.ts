import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import GithubSlugger from 'github-slugger'
import { expect, test } from 'vitest'
import { pages, readPage, root } from './page.ts'

const linking = [...pages, 'AGENTS.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'packages/client/README.md']
const prose = (page: string): string => readPage(page).replaceAll(/^```[^]*?^```/gm, '')

function readAnchors(page: string): ReadonlySet<string> {
  const slugger = new GithubSlugger()
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)]
  return new Set(headings.map(([, heading = '']) => slugger.slug(heading.replaceAll(/\[(.*?)\]\(.*?\)/g, '$1').replaceAll('`', ''))))
}

/** What a relative link of a page leads to that is not there. */
function findBroken(page: string): readonly string[] {
  const targets = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
  return targets.filter((target) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : relative(root, join(root, dirname(page), path))
    if (!existsSync(join(root, file))) return true
    return anchor !== undefined && file.endsWith('.md') && !readAnchors(file).has(anchor)
  })
}

test.each(linking)('links lead somewhere: %s', (page) => {
  expect(findBroken(page)).toEqual([])
})

test('every page of docs/ is on its index', () => {
  const index = readPage('docs/index.md')
  const missing = pages.filter(
    (page) => page !== 'README.md' && page !== 'docs/index.md' && !index.includes(`(${page.slice('docs/'.length)})`),
  )
  expect(missing).toEqual([])
})
