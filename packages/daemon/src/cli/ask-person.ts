import { isApiError, type ApprovalHandler, type Client, type Decision, type QuestionHandler } from '@codesdkd/client'
import type { AnswerRequest, Approval, OpenQuestion } from '@codesdkd/protocol'
import { fillForm } from './answer-form.ts'
import { askReason, askYesNo, prompting, type Ask } from './prompt.ts'
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

export interface PersonOptions {
  readonly client: Pick<Client, 'answerQuestion'>
  readonly screen: Screen
  /** Ctrl-C. */
  readonly interrupt: () => void
}

/** Puts calls and questions to whoever sits at the terminal, one at a time. */
export function createPerson({ client, screen, interrupt }: PersonOptions): Person {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(signal: AbortSignal, put: () => Promise<T | null>): Promise<T | null> => {
    const mine = last.then(() => (signal.aborted ? null : put()))
    last = mine.catch(() => undefined)
    return mine
  }
  return {
    onApproval(approval, signal) {
      return inTurn(signal, () => {
        screen.line(toCallText(approval, screen.style))
        return prompting({ screen, signal, interrupt }, askForDecision)
      })
    },
    onQuestion(question, signal) {
      return inTurn(signal, () => {
        screen.line(`${screen.style(['yellow', 'bold'], 'question')}  ${toSafeLine(question.title)}`)
        return prompting({ screen, signal, interrupt }, (ask) => answer(question, ask))
      })
    },
  }

  /** What the daemon refuses is asked again: somebody mistyped. */
  async function answer({ session_id, question_id, schema }: OpenQuestion, ask: Ask): Promise<AnswerRequest | null> {
    for (;;) {
      const accepts = await askYesNo(ask, '  answer it?')
      if (accepts === null) return null
      if (!accepts) {
        const reason = await askReason(ask)
        return { outcome: 'decline', ...(reason === undefined ? {} : { reason }) }
      }
      const content = await fillForm(schema, ask, (line) => screen.note(line))
      if (content === null) return null
      try {
        await client.answerQuestion(session_id, question_id, { outcome: 'accept', content })
        return null
      } catch (error) {
        if (!isApiError(error, 'invalid_answer')) throw error
        screen.note(`  ${toSafeLine(error.message)}`)
      }
    }
  }
}

async function askForDecision(ask: Ask): Promise<Decision | null> {
  const runs = await askYesNo(ask, '  run it?')
  if (runs === null) return null
  if (runs) return { decision: 'approve' }
  const reason = await askReason(ask)
  return { decision: 'deny', ...(reason === undefined ? {} : { reason }) }
}
