import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readers } from './reader-table.ts'
import { parseReaderCommand } from './readers.ts'
import { acceptedCommands, refusedCommands } from './testing/reader-samples.ts'

describe('a line of readers', () => {
  it.each(acceptedCommands)('%s', (line, paths) => {
    expect(parseReaderCommand(line)?.flatMap((command) => command.paths)).toEqual(paths)
  })

  it.each(acceptedCommands.filter(([line]) => !line.includes('bash')))('%s, as Codex wraps it', (line, paths) => {
    for (const shell of ['/bin/bash -lc', '/usr/bin/zsh -lc', 'sh -c']) {
      const wrapped = `${shell} ${line
        .split("'")
        .map((part) => (part === '' ? '' : `'${part}'`))
        .join(`"'"`)}`
      expect(parseReaderCommand(wrapped)?.flatMap((command) => command.paths)).toEqual(paths)
    }
  })
})

describe('anything else', () => {
  it.each(refusedCommands)('%j', (line) => expect(parseReaderCommand(line)).toBeNull())

  it.each(refusedCommands)('%j, in the company of readers', (line) => {
    for (const around of [`ls && ${line}`, `${line} | cat`, `pwd; ${line}`, `true || ${line}`])
      expect(parseReaderCommand(around)).toBeNull()
  })

  it('is one of many', () => {
    expect(acceptedCommands.length).toBeGreaterThanOrEqual(60)
    expect(refusedCommands.length).toBeGreaterThanOrEqual(120)
  })
})

const words = fc.oneof(
  fc.constantFrom(
    ...readers.keys(),
    'cd',
    'bash -lc',
    'rm',
    '-la',
    '--',
    '-',
    '..',
    '/etc/passwd',
    '&&',
    '|',
    ';',
    '||',
    '>',
    '$(x)',
    '`x`',
    "'",
    '"',
    '\\',
    '*',
    '~',
    '=',
    '\n',
    '#',
    '{a,b}',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const lines = fc.array(words, { maxLength: 10 }).map((parts) => parts.join(' '))

describe('any text', () => {
  it('is taken or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), lines), (line) => {
        const commands = parseReaderCommand(line)
        expect(commands === null || commands.every(({ name }) => name === 'cd' || readers.has(name))).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('with something the shell would act upon is refused', () => {
    const active = fc.constantFrom(
      '$x',
      '$(id)',
      '`id`',
      ' > x',
      ' < x',
      ' & ',
      '(',
      ')',
      '{',
      '}',
      '*',
      '?',
      '[a]',
      ' ~',
      ' #',
      '!',
      '\n',
      '\\',
      '\t',
      '\r',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...acceptedCommands.map(([line]) => line).filter((line) => !/['"]/.test(line))),
        active,
        fc.nat(),
        (line, text, at) => {
          const place = at % (line.length + 1)
          const changed = line.slice(0, place) + text + line.slice(place)
          expect([changed, parseReaderCommand(changed)]).toEqual([changed, null])
        },
      ),
      { numRuns: 3000 },
    )
  })
})
