import * as z from 'zod'

/** How far the replay of a support bundle has come. */
export const replay = z
  .object({
    session_id: z.string(),
    state: z
      .enum(['playing', 'stepping', 'ended'])
      .describe('`playing`: events come by themselves; `stepping`: each waits to be asked for; `ended`: the last one is in the log'),
    speed: z.number().nullable().describe('how many times as fast as it happened, when it plays; null: no time is kept'),
    first_seq: z.int().describe('the first event of the bundle; above 1 where it left older ones out'),
    seq: z.int().describe('the last event that is in the log by now'),
    last_seq: z.int().describe('the last event of the bundle'),
  })
  .meta({ id: 'Replay' })
export type Replay = z.infer<typeof replay>

/** Body of `POST /sessions/{id}/replay/step`. */
export const stepReplay = z
  .object({ events: z.int().min(1).max(10_000).optional().describe('how many; those that there are where there are fewer (1)') })
  .meta({ id: 'StepReplay' })
export type StepReplay = z.infer<typeof stepReplay>

/** Body of `PATCH /sessions/{id}/replay`: what is left out stays. */
export const updateReplay = z
  .object({
    state: replay.shape.state.exclude(['ended']).optional(),
    speed: z.number().positive().max(1_000_000).nullable().optional().describe('null: everything at once'),
  })
  .meta({ id: 'UpdateReplay' })
export type UpdateReplay = z.infer<typeof updateReplay>
