import type { JsonSchema, Message, TaskOutput } from '@codesdkd/protocol'
import { PREVIEW_LIMIT } from './bounds.ts'
import type { Draft } from './journal.ts'
import { judgeAnswer, tellSchema, toRepair, type Verdict } from './output-schema.ts'
import type { PatientStore } from './patient-store.ts'
import type { Outcome } from './ports.ts'
import type { Observation } from './task-host.ts'
import type { CheckSchema } from './tools.ts'

/** Characters of an answer; a longer one is not read to its end, and fits nothing. */
const ANSWER_LIMIT = 8 * 1024 ** 2

export interface StructuredAnswerOptions {
  readonly taskId: string
  readonly schema: JsonSchema
  /** The agent holds its model to the schema by itself. */
  readonly held: boolean
  readonly checkSchema: CheckSchema
  readonly stored: PatientStore
  readonly signal: AbortSignal
  readonly record: (drafts: readonly Draft[], durability: 'lazy' | 'synced') => Promise<void>
}

/** The answer to a task with an output schema: heard as it is said, judged when the agent is done, asked for once more where it does not fit. */
export interface StructuredAnswer {
  hear(observation: Observation): void
  /** Runs the agent, and once more where its answer does not fit. */
  ask(messages: readonly Message[], run: (messages: readonly Message[]) => Promise<Outcome>): Promise<Outcome>
}

export function createStructuredAnswer(options: StructuredAnswerOptions): StructuredAnswer {
  const { taskId, schema, held, checkSchema, stored, signal, record } = options
  let texts: string[] = []
  let length = 0

  const say = (text: string) => {
    length += text.length
    if (length <= ANSWER_LIMIT) texts.push(text)
  }
  const forget = () => {
    texts = []
    length = 0
  }
  const judge = (): Promise<Verdict> =>
    length > ANSWER_LIMIT ? Promise.resolve({ fits: false, fault: 'it is too long' }) : judgeAnswer(texts, schema, checkSchema)

  async function toOutput(value: unknown): Promise<TaskOutput> {
    const json = JSON.stringify(value)
    if (json.length <= PREVIEW_LIMIT) return { output: value }
    const output_ref = await stored((store) => store(json, { contentType: 'application/json', name: 'output.json' }))
    return output_ref === null ? {} : { output_ref }
  }

  return {
    hear(observation) {
      if (observation.kind === 'event') for (const text of toTexts(observation.event)) say(text)
      // What stood before a call was no answer yet.
      else if (observation.kind === 'call.unasked' || observation.kind === 'call.started') forget()
    },
    async ask(messages, run) {
      const first = await run(held ? messages : tellSchema(messages, schema))
      if (first.status !== 'completed') return first
      const verdict = await judge()
      if (verdict.fits) return { ...first, result: await toOutput(verdict.value) }
      // Whoever stops the task meanwhile gets no second turn.
      if (signal.aborted) return first
      await record([toNotice(taskId, verdict.fault)], 'lazy')
      forget()
      const second = await run([toRepair(verdict.fault, schema)])
      if (second.status !== 'completed') return second
      const last = await judge()
      return last.fits ? { ...second, result: await toOutput(last.value) } : toMismatch(last.fault)
    },
  }
}

function toTexts(event: Extract<Observation, { kind: 'event' }>['event']): readonly string[] {
  if (event.type !== 'model.output.completed' || event.payload.partial === true) return []
  return event.payload.content.flatMap((block) => {
    if (block.type === 'text') return [block.text]
    return block.type === 'code' ? [block.code] : []
  })
}

function toNotice(task_id: string, fault: string): Draft {
  const message = `The answer does not fit the output_schema: ${fault}. The agent is asked once more.`
  return { type: 'runtime.notice', task_id, payload: { level: 'warning', kind: 'output_repair', message } }
}

function toMismatch(fault: string): Outcome {
  const message = `The answer does not fit the output_schema, asked for twice: ${fault}.`
  return { status: 'failed', reason: 'output_schema_mismatch', error: { code: 'output_schema_mismatch', message, retryable: true } }
}
