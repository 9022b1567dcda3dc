import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** What a command writes to: text on stdout, and what goes on meanwhile on stderr, where a person looks. */
export interface Screen {
  /** Writes text as it is; it need not end a line. */
  write(text: string): void
  /** Ends a line that was begun. */
  end(): void
  /** Writes whole lines, on a line of their own. */
  line(text?: string): void
  /** The text in a style, where stdout is a terminal that wants colours. */
  readonly style: (style: Style, text: string) => string
  /** Says what is waited for, with the seconds, until something is written; null takes it away. On a terminal only. */
  wait(what: string | null): void
  /** Keeps back everything until the returned function is called: somebody is asked something. */
  hold(): () => void
  /** A line on stderr. */
  note(text: string): void
}

type Output = NodeJS.WriteStream

export function createScreen(stdout: Output, stderr: Output): Screen & Disposable {
  let atStart = true
  let held: string[] | null = null
  let waiting: { readonly what: string; readonly since: number } | null = null
  let shown = false
  const timer = setInterval(draw, 1_000)
  timer.unref()

  function draw(): void {
    if (waiting === null || held !== null || !atStart || !stderr.isTTY || !stdout.isTTY) return
    const seconds = Math.round((performance.now() - waiting.since) / 1_000)
    if (seconds === 0) return
    stderr.write(`\r\u001b[K${styleText('dim', `  … ${waiting.what}, ${seconds} s`, { stream: stderr })}`)
    shown = true
  }
  function clear(): void {
    if (shown) stderr.write('\r\u001b[K')
    shown = false
  }
  function write(text: string): void {
    if (text === '') return
    if (held !== null) return void held.push(text)
    clear()
    stdout.write(text)
    atStart = text.endsWith('\n')
    if (waiting !== null) waiting = { ...waiting, since: performance.now() }
  }
  function end(): void {
    const last = held?.at(-1)
    if (last === undefined ? !atStart : !last.endsWith('\n')) write('\n')
  }

  return {
    write,
    end,
    line(text = '') {
      end()
      write(`${text}\n`)
    },
    style: (style, text) => styleText(style, text, { stream: stdout }),
    wait(what) {
      if (what === null) clear()
      waiting = what === null ? null : { what, since: waiting?.what === what ? waiting.since : performance.now() }
    },
    hold() {
      clear()
      const before = held
      held ??= []
      return () => {
        const kept = held ?? []
        held = before
        if (before === null) for (const text of kept) write(text)
      }
    },
    note(text) {
      clear()
      stderr.write(`${text}\n`)
    },
    [Symbol.dispose]() {
      clear()
      clearInterval(timer)
    },
  }
}
