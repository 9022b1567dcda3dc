import { createInterface } from 'node:readline/promises'
import type { ApprovalHandler, Decision, QuestionHandler } from '@codesdkd/client'
import type { Approval } from '@codesdkd/protocol'
import { toSafeLine, toSafeText } from './safe-text.ts'
import type { Screen } from './screen.ts'

/** What a call would do, whole: nobody approves what they could not read. */
export function toCallText({ kind, title, name, input, diff, reason, escalated }: Approval, style: Screen['style']): string {
  const shown = toSafeText(diff ?? (typeof input === 'string' ? input : JSON.stringify(input, null, 2)))
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => `  ${diff === undefined ? line : toDiffLine(line, style)}`)
  return [
    `${style(['yellow', 'bold'], kind)}  ${toSafeLine(title)}${title === name ? '' : style('dim', `  (${toSafeLine(name)})`)}`,
    ...(escalated === true ? [style('red', '  outside of its sandbox')] : []),
    ...(reason === undefined ? [] : [`  ${style('dim', toSafeText(reason))}`]),
    ...lines,
  ].join('\n')
}

function toDiffLine(line: string, style: Screen['style']): string {
  if (line.startsWith('+') && !line.startsWith('+++')) return style('green', line)
  if (line.startsWith('-') && !line.startsWith('---')) return style('red', line)
  return style('dim', line)
}

export interface Person {
  readonly onApproval: ApprovalHandler
  readonly onQuestion: QuestionHandler
}

/** Puts calls to whoever sits at the terminal, one at a time. Questions of agents are forms: they are declined, and shown where to answer them. */
export function createPerson(screen: Screen, interrupt: () => void): Person {
  let last: Promise<unknown> = Promise.resolve()
  return {
    onApproval(approval, signal) {
      const mine = last.then(() => (signal.aborted ? null : askOne(screen, approval, signal, interrupt)))
      last = mine.catch(() => undefined)
      return mine
    },
    onQuestion: ({ question_id, session_id }) => {
      screen.note(`  answer it in the inspector, or with POST /sessions/${session_id}/questions/${question_id}/answer`)
      return null
    },
  }
}

async function askOne(screen: Screen, approval: Approval, signal: AbortSignal, interrupt: () => void): Promise<Decision> {
  screen.line(toCallText(approval, screen.style))
  const release = screen.hold()
  const prompt = createInterface({ input: process.stdin, output: process.stderr, terminal: true })
  // In raw mode Ctrl-C is a key.
  prompt.on('SIGINT', interrupt)
  const closed = new Promise<null>((resolve) => prompt.once('close', () => resolve(null)))
  const question = async (text: string) => Promise.race([prompt.question(text, { signal }), closed])
  try {
    for (;;) {
      const answer = (await question('  run it? [y/n] '))?.trim().toLowerCase() ?? null
      if (answer === null) return null
      if (answer === 'y' || answer === 'yes') return { decision: 'approve' }
      if (answer !== 'n' && answer !== 'no') continue
      const reason = (await question('  why not? (the agent hears it; Enter for nothing) '))?.trim() ?? ''
      return reason === '' ? { decision: 'deny' } : { decision: 'deny', reason: reason.slice(0, 4_000) }
    }
  } catch (error) {
    if (!signal.aborted) throw error
    screen.note('  it was decided elsewhere')
    return null
  } finally {
    prompt.close()
    release()
  }
}
