import * as z from 'zod'
import { contentBlock } from './message.ts'
import { payloads } from './event.ts'
import { answeredBy, answerOutcome } from './question.ts'
import { taskError, taskStatus } from './task.ts'
import { confinementDenial, decidedBy, toolCall } from './tool-call.ts'

const [text, code, image, artifactRef, toolUse, toolResult] = contentBlock.options

/** Of blocks that the agent writes. */
const writing = {
  block_id: z.string().optional().describe('set while the block is written: its deltas go on'),
  partial: z.literal(true).optional().describe('a stop or a crash has cut it'),
}

const callDecision = z.object({
  outcome: z.enum(['approved', 'denied']),
  decided_by: decidedBy,
  time: z.string(),
  reason: z.string().optional(),
  rules: z.array(z.string()).describe('the rules that decided, in order'),
})

/** A block of a message, and what the log knows of it. What a host sent in its own `messages` has the fields of `ContentBlock` alone. */
export const transcriptBlock = z
  .discriminatedUnion('type', [
    text.extend(writing),
    code.extend(writing),
    z.object({ type: z.literal('reasoning'), text: z.string(), ...writing }),
    image,
    artifactRef,
    toolCall.partial().extend({
      ...toolUse.shape,
      id: z.string().describe('`tool_call_id`, where the agent called'),
      attempt: z.int().optional().describe('the same native call may ask again: each attempt has a block, and a result, of its own'),
      input_hash: z.string().optional(),
      phase: z
        .enum(['requested', 'pending', 'approved', 'denied', 'started', 'completed'])
        .optional()
        .describe('`approved` for good: the call was never run, or is one of the sandbox itself (`gate`)'),
      decision: callDecision.optional(),
    }),
    toolResult.extend({
      attempt: z.int().optional(),
      content: z.unknown().describe('of a call of the agent: the preview of its output, or the reason of the denial'),
      outcome: z.enum(['completed', 'denied']).optional().describe('missing while the call has output and no end yet'),
      result_ref: z.string().optional().describe('artifact with the whole output, where it is long'),
      truncated: z.boolean().optional(),
      exit_code: z.int().nullable().optional(),
      duration_ms: z.number().nullable().optional(),
      executed_by: z.enum(['codesdk', 'runtime', 'host']).optional(),
      execution_env: z.enum(['sandbox', 'host', 'unknown']).optional(),
      confinement_denials: z.array(confinementDenial).optional(),
    }),
    z.object({
      type: z.literal('question'),
      question_id: z.string(),
      title: z.string(),
      schema: z.unknown(),
      outcome: answerOutcome.optional().describe('missing while the question is open'),
      answered_by: answeredBy.optional(),
      content: z.record(z.string(), z.unknown()).optional().describe('the answer, where it was given'),
      reason: z.string().optional(),
    }),
  ])
  .meta({ id: 'TranscriptBlock' })
export type TranscriptBlock = z.infer<typeof transcriptBlock>

export const transcriptMessage = z
  .object({
    message_id: z.string().describe('opaque; stays the same while the message grows'),
    role: z.enum(['system', 'user', 'assistant', 'tool']),
    content: z.array(transcriptBlock),
    task_id: z.string(),
    first_seq: z.int().describe('the event that began it'),
    last_seq: z.int().describe('the last event that changed it'),
    time: z.string().describe('when it began'),
    runtime: z.string(),
    model: z.string().nullable(),
  })
  .meta({
    id: 'TranscriptMessage',
    description: 'Only messages of a running task change. What the agent says is `assistant`, the results of its calls follow as `tool`.',
  })
export type TranscriptMessage = z.infer<typeof transcriptMessage>

export const transcriptTask = z
  .object({
    task_id: z.string(),
    status: taskStatus,
    first_seq: z.int().describe('its `task.started`'),
    started_at: z.string(),
    ended_at: z.string().nullable(),
    runtime: z.string(),
    model: z.string().nullable(),
    reason: z.string().optional().describe('why it ended'),
    error: taskError.optional(),
    context_restored: payloads['session.context_restored']
      .optional()
      .describe('how much of the messages before it the agent had when it began'),
  })
  .meta({ id: 'TranscriptTask' })
export type TranscriptTask = z.infer<typeof transcriptTask>

const transcript = z.object({
  session_id: z.string(),
  last_seq: z.int().describe('the transcript is that of the log up to here; to keep it up, fold the events after it'),
  tasks: z.array(transcriptTask).describe('the tasks of these messages, in the order in which they began'),
  messages: z.array(transcriptMessage),
})
/** The conversation of a session as far as its log was folded. Plain data: it may be stored as JSON and gone on with. */
export type Transcript = z.infer<typeof transcript>

export const transcriptPage = transcript
  .extend({ next_after: z.string().nullable().describe('what to pass as `after` next; null at the end') })
  .meta({ id: 'TranscriptPage' })
export type TranscriptPage = z.infer<typeof transcriptPage>
