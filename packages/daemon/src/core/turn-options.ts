import type { Agent } from './agent.ts'
import { storeTextIn } from './bounds.ts'
import type { Inputs } from './call-events.ts'
import type { Journal } from './journal.ts'
import type { Masker, Runtime } from './ports.ts'
import type { SessionWorld } from './session-world.ts'
import type { Queued } from './task-queue.ts'
import type { TurnOptions } from './turn.ts'

export interface TurnPlace {
  readonly journal: Journal
  readonly agent: Agent
  readonly runtime: Runtime | null
  readonly masker: Masker
  readonly inputs: Inputs
  readonly world: SessionWorld
  readonly tellUnconfined: () => boolean
}

/** What a task asked for, where it asked for nothing what its session says, and what it needs of the world. */
export function toTurnOptions({ taskId, messages, request, tools }: Queued, place: TurnPlace): TurnOptions {
  const { journal, agent, runtime, masker, inputs, world, tellUnconfined } = place
  const { record } = journal
  const { output_schema: schema } = request
  return {
    journal,
    agent,
    log: world.log,
    artifacts: world.artifacts,
    clock: world.clock,
    inputs,
    taskId,
    record,
    messages,
    permissionMode: inputs.permissionMode,
    runtimeConfig: { ...record.runtimeConfig, ...request.runtime_config },
    timeoutMs: request.timeout_ms ?? null,
    approvalTimeoutMs: request.approval_timeout_ms ?? record.approvalTimeoutMs ?? world.approvalTimeoutMs,
    judge: (call, mode) => world.judge(call, record, mode),
    checkCwd: async () => void (await world.checkCwd(record.cwd)),
    checkAnswer: world.checkAnswer,
    tools,
    checkSchema: world.checkSchema,
    outputSchema: schema === undefined ? null : { schema, held: runtime?.holdsToSchema?.(schema) === true },
    watchConfiguration: () => world.watchConfiguration(record),
    implicitSources: () => world.implicitSources(record),
    tellUnconfined,
    store: storeTextIn(world.artifacts, record.sessionId, (text) => masker.maskText(text)),
    heldBack: (text) => masker.heldBack(text),
    report: (error) => world.report(error, { session_id: record.sessionId, task_id: taskId }),
  }
}
