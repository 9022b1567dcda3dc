const shells = /^(?:\/usr)?\/bin\/(?:bash|sh|zsh|dash)$/

/** The script of `/bin/bash -lc '<script>'`; any other command as it is. Only the system's own shells count as a mere wrapping. */
export function unwrapShell(command: string): string {
  const words = toWords(command)
  if (words?.length !== 3) return command
  const [shell = '', flag, script = ''] = words
  return shells.test(shell) && (flag === '-lc' || flag === '-c') ? script : command
}

// One alternative per way of quoting; what none of them takes is no plain word list.
const pieces = /([^\s'"\\$`;&|<>()]+)|'([^']*)'|"((?:[^"\\$`]+|\\[\s\S])*)"|\\([\s\S])/y

/** The words of a command that consists of plain and quoted words only; null when it has any other syntax. Linear time. */
export function toWords(command: string): readonly string[] | null {
  const words: string[] = []
  let at = 0
  while (at < command.length) {
    if (/\s/.test(command.charAt(at))) {
      at += 1
      continue
    }
    let word = ''
    while (at < command.length && !/\s/.test(command.charAt(at))) {
      pieces.lastIndex = at
      const match = pieces.exec(command)
      if (match === null) return null
      const [whole, bare, single, double, escaped] = match
      word += bare ?? single ?? double?.replace(/\\([$`"\\\n])/g, '$1') ?? escaped ?? ''
      at += whole.length
    }
    words.push(word)
  }
  return words
}
