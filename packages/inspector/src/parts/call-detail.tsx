import type { ToolCall } from '@codesdkd/protocol'
import { toJson } from '../model/format.ts'
import { DiffView } from './diff-view.tsx'
import { Code } from './code.tsx'

/** What a call would do, in full: what is approved is what stands here. */
export function CallDetail({ call }: { readonly call: ToolCall }) {
  const command = toCommand(call)
  return (
    <div class="detail">
      {call.reason !== undefined && <p class="why">{call.reason}</p>}
      {call.escalated === true && <p class="warning">It asks to leave the sandbox for this.</p>}
      {command !== null && <Code>{command}</Code>}
      {call.diff !== undefined && <DiffView diff={call.diff} label={call.title} />}
      {command === null && call.diff === undefined && <Code>{toJson(call.input)}</Code>}
      {(command !== null || call.diff !== undefined) && (
        <details>
          <summary>Input</summary>
          <Code>{toJson(call.input)}</Code>
        </details>
      )}
    </div>
  )
}

/** The command line of a call that runs one. */
function toCommand({ kind, input }: ToolCall): string | null {
  if (kind !== 'execute' || typeof input !== 'object' || input === null || !('command' in input)) return null
  const { command } = input
  if (typeof command === 'string') return command
  return Array.isArray(command) ? command.map(String).join(' ') : null
}
