/** What joins two commands of a line. */
export type Operator = '&&' | '||' | ';' | '|'

export interface ShellCommand {
  /** As the program will get them. */
  readonly words: readonly string[]
  /** An unquoted `~` or `^` stands inside a word, as in `HEAD~1`: itself in bash and sh, in zsh perhaps a pattern for files of that directory. */
  readonly hasMarks: boolean
}

/** A line of plain commands and the operators between them. */
export interface ShellLine {
  readonly commands: readonly ShellCommand[]
  readonly operators: readonly Operator[]
}

const MAX_LENGTH = 8192
const shells: ReadonlySet<string> = new Set(['bash', 'sh', 'zsh'].flatMap((name) => [name, `/bin/${name}`, `/usr/bin/${name}`]))

/**
 * Reads a command line, or what stands in one outer `bash -lc '…'`, under the rules that bash, sh and zsh share.
 * null for everything not understood: expansions, substitutions, redirections, groups, globs, comments, assignments,
 * background jobs, control characters. Pure, linear, never throws.
 */
export function parseShellLine(text: string): ShellLine | null {
  const line = parseCommands(text)
  const [shell, flag, script] = line?.commands[0]?.words ?? []
  if (line === null || shell === undefined || !shells.has(shell)) return line
  const isWrapping = line.commands.length === 1 && line.commands[0]?.words.length === 3 && (flag === '-c' || flag === '-lc')
  return isWrapping && script !== undefined ? parseCommands(script) : null
}

/** One step at a time: blanks, an operator, or a word of plain characters and quoted parts. No two quoted parts in `''` touch: zsh may read a quote there. */
const step = /( +)|(&&|\|\||[;|])|((?:[\w./:,@%+=-]|(?<=[\w~^])[~^]|'[^']*'(?!')|"(?:[^"$`\\!]|\\[^!])*")+)/y
/** Neither control characters nor blanks other than the space have one meaning everywhere. */
const unsafe = /\p{Cc}/u

function parseCommands(text: string): ShellLine | null {
  if (text.length > MAX_LENGTH || unsafe.test(text) || !text.isWellFormed()) return null
  const commands = [{ words: [] as string[], hasMarks: false }]
  const operators: Operator[] = []
  let afterWord = false
  for (let at = 0; at < text.length;) {
    step.lastIndex = at
    const [whole = '', blank, operator, raw] = step.exec(text) ?? []
    // A leading `=` is a look-up in zsh; a word right behind another is a quoting that is not understood.
    if (whole === '' || (raw !== undefined && (afterWord || raw.startsWith('=')))) return null
    at += whole.length
    const command = commands.at(-1)
    if (raw !== undefined && command !== undefined) {
      command.words.push(toWord(raw))
      command.hasMarks ||= /[~^]/.test(raw.replace(quoted, ''))
    } else if (blank === undefined) {
      operators.push(toOperator(operator))
      commands.push({ words: [], hasMarks: false })
    }
    afterWord = raw !== undefined
  }
  return commands.every(({ words }) => words.length > 0) ? { commands, operators } : null
}

function toOperator(text: string | undefined): Operator {
  return text === '&&' || text === '||' || text === '|' ? text : ';'
}

const quoted = /'([^']*)'|"((?:[^"\\]|\\.)*)"/g

function toWord(raw: string): string {
  return raw.replace(quoted, (_whole, single: string | undefined, double: string | undefined) => single ?? unescapeDouble(double ?? ''))
}

function unescapeDouble(text: string): string {
  return text.replace(/\\(["\\$`])/g, (_whole, character: string) => character)
}
