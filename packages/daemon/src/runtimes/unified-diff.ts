export interface FileDiff {
  readonly change: 'add' | 'delete' | 'update'
  readonly path: string
  readonly movedTo: string | null
  /** Of an added or deleted file its whole content, of an updated one the hunks. */
  readonly body: string
}

/** The change of one file as git would print it, without index lines. */
export function toUnifiedDiff({ change, path, movedTo, body }: FileDiff): string {
  const header = `diff --git ${side('a', path)} ${side('b', movedTo ?? path)}\n`
  switch (change) {
    case 'add':
      return `${header}new file mode 100644\n--- /dev/null\n+++ ${side('b', path)}\n${wholeFile(body, '+')}`
    case 'delete':
      return `${header}deleted file mode 100644\n--- ${side('a', path)}\n+++ /dev/null\n${wholeFile(body, '-')}`
    case 'update': {
      const rename = movedTo === null ? '' : `rename from ${path}\nrename to ${movedTo}\n`
      return `${header}${rename}${body === '' ? '' : `--- ${side('a', path)}\n+++ ${side('b', movedTo ?? path)}\n${ended(body)}`}`
    }
    default:
      return change satisfies never
  }
}

const side = (letter: string, path: string): string => (path.startsWith('/') ? path : `${letter}/${path}`)

const ended = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)

function wholeFile(content: string, sign: '+' | '-'): string {
  if (content === '') return ''
  const lines = ended(content).slice(0, -1).split('\n')
  const range = lines.length === 1 ? '1' : `1,${lines.length}`
  const hunk = sign === '+' ? `@@ -0,0 +${range} @@` : `@@ -${range} +0,0 @@`
  const last = content.endsWith('\n') ? '' : '\\ No newline at end of file\n'
  return `${hunk}\n${lines.map((line) => `${sign}${line}\n`).join('')}${last}`
}
