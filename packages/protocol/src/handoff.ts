import * as z from 'zod'
import { confinement, isolationMode, session } from './session.ts'

const settings = z.record(z.string(), z.unknown())

/** Body of `POST /sessions/{id}/handoff`. */
export const handOffSession = z
  .object({
    runtime: z.string().min(1).max(64).describe('who goes on with the session; the one it has, to begin anew with other settings'),
    model: z
      .string()
      .min(1)
      .max(256)
      .nullable()
      .optional()
      .describe('null leaves the choice to the agent, as does leaving it out where the runtime changes'),
    runtime_config: settings
      .optional()
      .describe('in place of the settings of the runtime before it; of those its `mcpServers` stay where these name none'),
    isolation_mode: isolationMode.optional(),
    env: z.record(z.string(), z.string()).optional().describe('variables beside those of the session, such as the key of the new provider'),
  })
  .meta({ id: 'HandOffSession' })
export type HandOffSession = z.infer<typeof handOffSession>

const whatIsLost = z.object({
  kind: z
    .string()
    .describe(
      'such as `runtime_memory`, `reasoning`, `tool_state`, `checkpoints`, `remembered_approvals`, `images`, `tool_calls`, `older_messages`, `host_tools`, `settings`, `variables`',
    ),
  detail: z.string(),
})

/** What went over to another runtime, and what did not. */
export const handoffReceipt = z
  .object({
    from: z.object({ runtime: z.string(), model: z.string().nullable(), runtime_session_id: z.string().nullable() }),
    to: z.object({ runtime: z.string(), model: z.string().nullable() }),
    isolation_mode: isolationMode,
    confinement,
    runtime_config: settings.describe('as it is now'),
    env_names: z.array(z.string()).describe('variables that the new agent gets of the session; names only, never values'),
    env_withheld: z.array(z.string()).describe('variables of the session that it does not get: they are credentials of agents before it'),
    carried: z
      .object({
        messages: z.int(),
        messages_omitted: z.int(),
        characters: z.int(),
        images: z.int(),
        images_omitted: z.int().describe('of the messages that are carried'),
        truncated: z.boolean(),
        network_answers: z.int().describe('hosts about which the person has decided for the whole session'),
      })
      .describe('what its first task will be told of the session, as far as the log goes now'),
    not_carried: z.array(whatIsLost),
  })
  .meta({ id: 'HandoffReceipt' })
export type HandoffReceipt = z.infer<typeof handoffReceipt>

export const handoff = z
  .object({ session, seq: z.int().describe('the event `session.handed_off`'), receipt: handoffReceipt })
  .meta({ id: 'Handoff' })
export type Handoff = z.infer<typeof handoff>

/** Body of `POST /sessions/{id}/fork`. Everything is optional. */
export const forkSession = z
  .object({
    after_seq: z
      .int()
      .min(1)
      .optional()
      .describe('the last event of the session that the new one has too (the end of its last ended task)'),
    title: session.shape.title.unwrap().max(256).optional(),
    metadata: z.record(z.string(), z.string().max(1024)).optional().describe('in place of those of the session'),
  })
  .meta({ id: 'ForkSession' })
export type ForkSession = z.infer<typeof forkSession>
