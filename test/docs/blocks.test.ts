import { describe, expect, test } from 'vitest'
import { problems } from '@codesdkd/protocol'
import { pages, readBlocks, readPage } from './page.ts'
import { Walk } from './walk.ts'

const run = new Set(['sh', 'ts'])
/** Pictures, output and files: what they say is read by people, and JSON by a parser. */
const shown = new Set(['', 'text', 'console', 'json'])

const blocks = pages.flatMap((page) => readBlocks(page).map((block) => ({ page, ...block })))

describe('the blocks of the pages', () => {
  test('are of a language that is run or known to be shown, and say why where they are not run', () => {
    expect(blocks.filter(({ language }) => !run.has(language) && !shown.has(language))).toEqual([])
    const unrun = blocks.filter(({ unrun: reason }) => reason !== null)
    expect(unrun.map(({ page, language, unrun: reason }) => `${page} ${language}: ${String(reason)}`)).toMatchSnapshot()
    expect(unrun.filter(({ language }) => !run.has(language))).toEqual([])
  })

  test.each(blocks.filter(({ language }) => language === 'json'))('are JSON: $place', ({ text }) => {
    // An ellipsis stands for what a page leaves out, comments for what it explains.
    const parsed: unknown = JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, ''))
    expect(parsed).toBeTypeOf('object')
  })
})

const walked = pages.filter((page) => readBlocks(page).some(({ language, unrun }) => run.has(language) && unrun === null))

describe('what the pages say to type', () => {
  test.each(walked)('works: %s', { timeout: 120_000 }, async (page) => {
    await using walk = await Walk.open()
    for (const block of readBlocks(page)) if (run.has(block.language) && block.unrun === null) await walk.take(block)
  })
})

test('the page of symptoms calls refusals what the catalogue calls them', () => {
  const rows = [...readPage('docs/troubleshooting.md').matchAll(/^\| `(\w+)` +\| (The|A|Agents|There|Too) (.+?) +\| /gm)]
  expect(rows.length).toBeGreaterThan(10)
  const titles: Record<string, string> = Object.fromEntries(Object.entries(problems).map(([code, { title }]) => [code, title]))
  for (const [, code = '', first = '', rest = ''] of rows) expect(titles[code]).toBe(`${first} ${rest}`)
})
