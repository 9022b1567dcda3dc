import type { JsonSchema, PermissionMode, ToolDefinition } from '@codesdkd/protocol'
import type { Briefing } from './briefing.ts'
import type { Inputs } from './call-events.ts'
import type { Draft } from './journal.ts'
import type { PatientStore } from './patient-store.ts'
import type { FoundSource, SessionRecord } from './ports.ts'

export interface HandoverOptions {
  readonly taskId: string
  readonly record: SessionRecord
  readonly permissionMode: PermissionMode
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  /** What the agent is offered beside its own tools. */
  readonly definitions: readonly ToolDefinition[]
  readonly outputSchema: { readonly schema: JsonSchema } | null
  readonly inputs: Pick<Inputs, 'contentHash'>
  readonly stored: PatientStore
  /** True once in a session: to be told that nothing confines its commands. */
  readonly tellUnconfined: () => boolean
}

interface Given extends Briefing {
  /** What the agent reads by itself. */
  readonly sources: readonly FoundSource[]
}

/** What the log says of what the agent is given. */
export async function toHandover({ messages, restored, sources }: Given, options: HandoverOptions): Promise<readonly Draft[]> {
  const { taskId: task_id, permissionMode: permission_mode, runtimeConfig: runtime_config, definitions, outputSchema } = options
  const output_schema = outputSchema === null ? {} : { output_schema: outputSchema.schema }
  const input = { messages, tool_manifest: definitions, runtime_config, permission_mode, ...output_schema }
  const input_ref = await storeJson(options, 'model-input.json', input)
  const input_hash = options.inputs.contentHash(input)
  const implicit_sources_ref = sources.length === 0 ? null : await storeJson(options, 'implicit-sources.json', { sources })
  const given: readonly Draft[] =
    input_ref === null
      ? []
      : [{ type: 'model.input', task_id, payload: { input_ref, input_hash, context_window: null, implicit_sources_ref } }]
  return [
    ...(restored === null ? [] : [{ type: 'session.context_restored', task_id, payload: restored } as const]),
    ...given,
    ...toUnconfined(options),
  ]
}

function storeJson({ stored }: HandoverOptions, name: string, value: object): Promise<string | null> {
  return Promise.resolve(stored((store) => store(JSON.stringify(value), { contentType: 'application/json', name })))
}

/** Where `auto` is not what its name says, the log says so. */
function toUnconfined({ taskId, record, permissionMode, tellUnconfined }: HandoverOptions): readonly Draft[] {
  const { confinement } = record
  if (permissionMode !== 'auto' || confinement === 'sandbox' || !tellUnconfined()) return []
  const message =
    confinement === 'tool_paths'
      ? "No sandbox confines this agent: its file tools are held to the workspace, its shell commands run with the user's rights."
      : "Nothing confines this agent: what it does, it does with the user's rights."
  return [{ type: 'runtime.notice', task_id: taskId, payload: { level: 'warning', kind: 'unconfined', message } }]
}
