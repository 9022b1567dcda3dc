import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Block {
  /** `README.md:37`, for whoever has to mend it. */
  readonly place: string
  readonly language: string
  /** Why it is not run, as its fence says: `sh no-run: needs a login`. */
  readonly unrun: string | null
  readonly text: string
}

/** What a person reads first, and everything in docs/. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export const readPage = (page: string): string => readFileSync(join(root, page), 'utf8')

/** The fenced blocks of a page, in its order. */
export function readBlocks(page: string): readonly Block[] {
  const text = readPage(page)
  return [...text.matchAll(/^```(.*)\n((?:(?!```).*\n)*)```$/gm)].map(({ 1: info = '', 2: body = '', index }) => {
    const [language = '', ...words] = info.trim().split(' ')
    const mark = words.join(' ')
    if (mark !== '' && !/^no-run: \S/.test(mark)) throw new Error(`${page}: a block is marked with “${mark}”`)
    const line = text.slice(0, index).split('\n').length
    return { place: `${page}:${line}`, language, unrun: mark === '' ? null : mark.slice('no-run: '.length), text: body }
  })
}
