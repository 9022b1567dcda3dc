import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export interface Block {
  /** `README.md:37`, for whoever has to mend it. */
  readonly place: string
  readonly language: string
  /** Why it is not run, as its fence says: `sh no-run: needs a login`. */
  readonly unrun: string | null
  /** What is to be so before, as its fence says: `sh with: a question`. One of the settings of `walk.ts`. */
  readonly setting: string | null
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
    const [, kind = null, said = null] = /^(no-run|with): (\S.*)$/.exec(mark) ?? []
    if (mark !== '' && kind === null) throw new Error(`${page}: a block is marked with “${mark}”`)
    const line = text.slice(0, index).split('\n').length
    return {
      place: `${page}:${line}`,
      language,
      unrun: kind === 'no-run' ? said : null,
      setting: kind === 'with' ? said : null,
      text: body,
    }
  })
}
