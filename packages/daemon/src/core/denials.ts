import type { ConfinementDenial } from '@codesdkd/protocol'

/** At most so many are shown with one call. */
export const DENIAL_LIMIT = 20
/** So much of a line on each side of the message is looked at. Characters. */
const REACH = 2048
const TARGET_LIMIT = 1024

/**
 * Paths that a program could not write because the wall has them read-only, as its own messages tell: those of shells, coreutils,
 * git, Node, Python, Go and their like. A guess from text: whoever writes the same for another reason is believed. Each path once,
 * in order. Pure, linear, never throws.
 */
export function findFileDenials(output: string): readonly ConfinementDenial[] {
  const message = /(?:\[Errno 30\] |\bEROFS: )?read-only file system|\bEROFS\b|\[Errno 30\]/gi
  const targets = new Set<string>()
  for (let found = message.exec(output); found !== null && targets.size < DENIAL_LIMIT; found = message.exec(output)) {
    const [words] = found
    const end = found.index + words.length
    const lineEnd = walk(output, end, 1)
    const after = output.slice(end, lineEnd)
    const before = output.slice(walk(output, found.index, -1), found.index)
    const target = targetOfZsh(before, words, after) ?? targetBehind(after) ?? (/^read/i.test(words) ? targetBefore(before) : null)
    if (target !== null && isTarget(target)) targets.add(target)
    // What a line says once is enough: then no character is looked at more often than a few times.
    message.lastIndex = lineEnd
  }
  return [...targets].map((target) => ({ kind: 'file', target, reason: 'read-only in the sandbox', source: 'output' }))
}

/** The end of the line in one direction, or as far as is looked. */
function walk(text: string, from: number, step: 1 | -1): number {
  let at = from
  for (let steps = 0; steps < REACH && at + step >= 0 && at + step <= text.length; steps += 1) {
    const next = text[step === 1 ? at : at - 1]
    if (next === '\n' || next === '\r') break
    at += step
  }
  return at
}

/** zsh alone has it behind its words without quotes, also where it is relative: `zsh:1: read-only file system: a`, `(eval):1: …`. */
function targetOfZsh(before: string, words: string, after: string): string | null {
  const speaks = words.startsWith('read') && /(?::\d+|\bzsh): $/.test(before)
  return speaks ? (/^: (\S.*)$/.exec(after)?.[1] ?? null) : null
}

/**
 * Where the path follows: Node `, rename 'a' -> 'b'`, Python `: 'a'`, zsh `: /a`, Ruby ` @ rb_sysopen - /a (Errno::EROFS)`, Rust
 * ` (os error 30) at path "a"`. Of two, the one that was to be written is the second.
 */
function targetBehind(text: string): string | null {
  const [, single, double, bare] = behind.exec(text) ?? []
  const quoted = single ?? double
  if (quoted === undefined) return bare === undefined ? null : bare.replace(/ \(Errno::EROFS\)$/, '')
  const [, secondSingle, secondDouble] = /-> (?:'([^']+)'|"([^"]+)")/.exec(text) ?? []
  return secondSingle ?? secondDouble ?? quoted
}

const behind = /^(?:, \w+ |: |(?: \(os error 30\))? at path )(?:'([^']+)'|"([^"]+)")|^(?:: (?=\.{0,2}\/)| @ \w+ - )(.+)$/

/** Where it stands before, as the last part of the sentence: `touch: cannot touch 'a': `, `bash: line 1: /a: `, `open /a: `, `/a (`. */
function targetBefore(text: string): string | null {
  // An open quote means that the message itself is quoted.
  if (!/[\s(]$/.test(text)) return null
  const sentence = trimMarks(text.replace(/ - \w+ \(30: $/, ''))
  const close = sentence.at(-1) ?? ''
  const open = quotes[close]
  if (open !== undefined) {
    const from = sentence.lastIndexOf(open, sentence.length - 2)
    return from < 0 ? null : sentence.slice(from + 1, -1)
  }
  const parts = sentence.split(': ')
  const last = parts.at(-1) ?? ''
  // `tar: a: Cannot open`
  if (/^cannot \w+$/i.test(last)) return parts.length > 2 ? (parts.at(-2) ?? null) : null
  return parts.length > 1 || last.includes('/') ? pathIn(last) : null
}

const quotes: Readonly<Record<string, string>> = { "'": "'", '"': '"', '`': '`', '’': '‘', '”': '“' }

/** The path in a part of a sentence: `cannot create /a b`, `could not lock config file .git/config`, `mkdir "a" failed`, `a`. */
function pathIn(part: string): string | null {
  const quoted = [...part.matchAll(/(['"`])([^'"`]+)\1/g)].at(-1)?.[2]
  if (quoted !== undefined) return quoted
  const created = /^(?:cannot|can't) create (.+)$/i.exec(part)?.[1]
  const absolute = /(?:^|\s)((?:~|\.{0,2})\/.*)$/.exec(part)?.[1]
  if (created !== undefined || absolute !== undefined) return created ?? absolute ?? null
  const words = part.split(' ')
  const word = words.at(-1) ?? ''
  return words.length === 1 || /[./]/.test(word) ? word : null
}

function trimMarks(text: string): string {
  let end = text.length
  while (end > 0 && ' \t:,('.includes(text[end - 1] ?? '')) end -= 1
  return text.slice(0, end)
}

function isTarget(text: string): boolean {
  return text.length <= TARGET_LIMIT && !/^\s*$/.test(text) && !/\p{Cc}/u.test(text)
}
