import type { Workspace } from '../ports.ts'
import { type Operands, type Reader, readers } from './reader-table.ts'
import { parseShellLine, type ShellCommand, type ShellLine } from './shell-line.ts'

/** One command of a line that only reads. */
export interface ReaderCommand {
  /** Its name in the published list, or `cd`. */
  readonly name: string
  /** All its words that it may open, as they stand. */
  readonly paths: readonly string[]
}

/** True when the command line certainly changes nothing and reads only inside `root` (a real path). Never rejects. */
export async function readsOnly(line: string, cwd: string, root: string, workspace: Workspace): Promise<boolean> {
  const commands = parseReaderCommand(line)
  let directory = await realInside(cwd, root, workspace)
  if (commands === null) return false
  for (const { name, paths } of commands) {
    if (directory === null) return false
    const found = []
    for (const path of paths) found.push(await realInside(pathFrom(directory, path), root, workspace))
    if (found.includes(null)) return false
    if (name === 'cd') directory = found[0] ?? null
    if (name.startsWith('git ') && !(await gitStaysInside(directory, root, workspace))) return false
  }
  return directory !== null
}

async function gitStaysInside(directory: string | null, root: string, workspace: Workspace): Promise<boolean> {
  if (directory === null || (await workspace.gitRunsPrograms(directory))) return false
  const read = await workspace.gitDirectories(directory)
  return read !== null && read.every((path) => isInside(root, path))
}

async function realInside(path: string, root: string, workspace: Workspace): Promise<string | null> {
  const real = await workspace.realPath(path)
  return real !== null && isInside(root, real) ? real : null
}

/** Not normalised: for the system `link/..` is the parent of what the link points to. */
export function pathFrom(directory: string, path: string): string {
  return path.startsWith('/') ? path : `${directory}/${path}`
}

/** Whether a real path is the root or below it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)
}

/** The commands of a line when each of them is certainly a reader, else null. Pure, linear, never throws. */
export function parseReaderCommand(line: string): readonly ReaderCommand[] | null {
  const parsed = parseShellLine(line)
  if (parsed === null) return null
  const commands: ReaderCommand[] = []
  for (const [index, command] of parsed.commands.entries()) {
    const reader = isDirectoryChange(command) ? toDirectoryChange(command, index, parsed) : toReaderCommand(command)
    if (reader === null) return null
    commands.push(reader)
  }
  return commands
}

/**
 * `cd` counts only at the beginning and where nothing runs if it fails, since then it is certain where the others run:
 * `cd a && cd ./b && ls | head`. A relative directory begins with `./`, out of reach of CDPATH, and has no `..`,
 * which a shell resolves differently from the programs it starts.
 */
function toDirectoryChange(
  { words: [, path = '', ...more], hasMarks }: ShellCommand,
  index: number,
  { commands, operators }: ShellLine,
): ReaderCommand | null {
  const leads = commands.slice(0, index).every(isDirectoryChange) && operators.slice(0, index + 1).every((operator) => operator === '&&')
  const certain = operators.every((operator) => operator === '&&' || operator === '|')
  const plain = (path === '.' || path.startsWith('/') || path.startsWith('./')) && !path.split('/').includes('..')
  return leads && certain && plain && !hasMarks && more.length === 0 ? { name: 'cd', paths: [path] } : null
}

function isDirectoryChange({ words }: ShellCommand): boolean {
  return words[0] === 'cd'
}

/** Flags of git itself that may stand before the name of its command. */
const gitFlags: ReadonlySet<string> = new Set(['--no-pager', '--no-optional-locks'])

function toReaderCommand({ words: [program = '', ...rest], hasMarks }: ShellCommand): ReaderCommand | null {
  const at = program === 'git' ? rest.findIndex((word) => !gitFlags.has(word)) : -1
  const name = at < 0 ? program : `git ${rest[at] ?? ''}`
  // Whatever files zsh makes of `HEAD~1`, git opens none of them; every other program might.
  if (at < 0 && (hasMarks || program.includes(' '))) return null
  const reader = readers.get(name)
  const paths = reader === undefined ? null : toPaths(reader, rest.slice(at + 1))
  return paths === null ? null : { name, paths }
}

interface Arguments {
  readonly flags: ReadonlySet<string>
  readonly values: readonly string[]
  readonly operands: readonly string[]
  /** Flags and their values behind an operand: operands too for programs that stop reading flags at the first one. */
  readonly late: readonly string[]
}

/** The words that the program may open; null when one of its words is not on the list. */
function toPaths(reader: Reader, words: readonly string[]): readonly string[] | null {
  if (reader.operands === 'words') return []
  const given = reader.operands === 'expression' ? parseExpression(words, reader.flags) : parseFlags(words, reader.flags)
  const paths = given === null ? null : pathsOf(reader.operands, given)
  return given === null || paths === null ? null : [...paths, ...given.late]
}

const lineRange = /^(?:\d{1,9}|\$)(?:,\+?(?:\d{1,9}|\$))?p$/

function pathsOf(operands: Operands, { flags, values, operands: words, late }: Arguments): readonly string[] | null {
  switch (operands) {
    case 'paths':
    case 'expression':
      return words.filter((word) => word !== '-')
    case 'path':
      return words.length <= 1 && late.length === 0 ? words : null
    case 'pattern':
      return ['-e', '--regexp', '--files', '--type-list'].some((flag) => flags.has(flag)) ? words : words.slice(1)
    // `%G…` in a format runs gpg.
    case 'revisions':
      return values.some((value) => value.includes('%G')) ? null : [...words, ...values]
    case 'text':
    case 'words':
      return []
    case 'none':
      return words.length === 0 ? [] : null
    case 'lines':
      return flags.size > 0 && lineRange.test(words[0] ?? '') ? words.slice(1) : null
    case 'format':
      return words.every((word) => word.startsWith('+')) ? [] : null
    default:
      return operands satisfies never
  }
}

/** Reads words as getopt_long does, with flags and operands in any order. A flag that is not listed refuses all. */
function parseFlags(words: readonly string[], allowed: ReadonlySet<string>): Arguments | null {
  const given = { flags: new Set<string>(), values: [] as string[], operands: [] as string[], late: [] as string[] }
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') return { ...given, operands: [...given.operands, ...words.slice(index + 1)] }
    if (!word.startsWith('-') || word === '-') {
      given.operands.push(word)
      continue
    }
    const flags = splitFlags(word, allowed)
    if (flags === null) return null
    const last = flags.at(-1)
    const next = last?.takesNext === true ? words[++index] : undefined
    if (last?.takesNext === true && next === undefined) return null
    for (const { flag, value } of flags) {
      given.flags.add(flag)
      if (value !== undefined) given.values.push(value)
    }
    if (next !== undefined) given.values.push(next)
    if (given.operands.length > 0) given.late.push(word, ...(next === undefined ? [] : [next]))
  }
  return given
}

interface Flag {
  readonly flag: string
  /** What is attached to it. */
  readonly value?: string
  readonly takesNext?: boolean
}

/** The flags in one word, of which only the last can have a value; null when one is not allowed. */
function splitFlags(word: string, allowed: ReadonlySet<string>): readonly Flag[] | null {
  if (/^-\d+$/.test(word) && allowed.has('-NUM')) return []
  return word.startsWith('--') ? splitLong(word, allowed) : splitCluster(word, allowed)
}

function splitLong(word: string, allowed: ReadonlySet<string>): readonly Flag[] | null {
  const at = word.indexOf('=')
  const flag = at < 0 ? word : word.slice(0, at)
  if (at >= 0) return allowed.has(`${flag}=`) || allowed.has(`${flag}?`) ? [{ flag, value: word.slice(at + 1) }] : null
  if (allowed.has(flag) || allowed.has(`${flag}?`)) return [{ flag }]
  return allowed.has(`${flag}=`) ? [{ flag, takesNext: true }] : null
}

/** `-abn5` is `-a -b -n 5`. */
function splitCluster(word: string, allowed: ReadonlySet<string>): readonly Flag[] | null {
  const flags: Flag[] = []
  for (let at = 1; at < word.length; at++) {
    const flag = `-${word[at]}`
    const value = word.slice(at + 1)
    if (allowed.has(`${flag}=`)) return [...flags, value === '' ? { flag, takesNext: true } : { flag, value }]
    if (allowed.has(`${flag}?`)) return [...flags, value === '' ? { flag } : { flag, value }]
    if (!allowed.has(flag)) return null
    flags.push({ flag })
  }
  return flags
}

/** `find`: paths first, then tests; each test is one word, and its value the next. */
function parseExpression(words: readonly string[], allowed: ReadonlySet<string>): Arguments | null {
  const first = words.findIndex((word) => word.startsWith('-') || word === '(' || word === '!')
  const operands = first < 0 ? words : words.slice(0, first)
  for (let index = operands.length; index < words.length; index++) {
    const word = words[index] ?? ''
    if (allowed.has(`${word}=`)) index++
    else if (!allowed.has(word)) return null
  }
  return { flags: new Set(), values: [], operands, late: [] }
}
