import type { Observation } from '../../core/task-host.ts'
import { completeBlock, discardOpen, mapStream } from './blocks.ts'
import { announce, ask, complete, withdraw } from './call-flow.ts'
import type { Incoming } from './channel.ts'
import { toNative, toNativeRequest, toNoticeKind } from './native.ts'
import type { ContentBlock, Native, NativeOf } from './native.ts'
import { askForServer } from './questions.ts'
import type { ClaudeState, Mapped } from './state.ts'
import { endTurn, mapLifecycle } from './steered.ts'
import { notice } from '../observation.ts'

/** Notices of unreadable lines in one turn; a flood of them tells nothing more. */
const maxInvalidLines = 20

/** What one message of Claude Code means to the turn. Pure and total: never throws, whatever the message is. */
export function mapClaude(state: ClaudeState, incoming: Incoming): Mapped {
  if (state.end !== null) return [state, []]
  switch (incoming.kind) {
    case 'invalid':
      return mapInvalid(state, incoming)
    case 'cancel':
      return withdraw(state, incoming.id)
    case 'request':
      return mapRequest(state, incoming)
    case 'message': {
      const native = toNative(incoming.message)
      return native === null ? [state, toUnknown(incoming.message)] : mapMessage(state, native)
    }
    default:
      return incoming satisfies never
  }
}

function mapRequest(state: ClaudeState, { id, request }: Extract<Incoming, { kind: 'request' }>): Mapped {
  const native = toNativeRequest(request)
  switch (native?.subtype) {
    case undefined:
      return [state, [notice('warning', 'control_request', 'Claude made a request that nobody can be shown; it was refused.', request)]]
    // Answered by the driver at once: it only makes Claude ask.
    case 'hook_callback':
      return [state, []]
    case 'can_use_tool':
      return ask(state, id, native)
    case 'elicitation': {
      const observations = askForServer(id, native)
      const open = observations.some(({ kind }) => kind === 'question.asked')
      return [open ? { ...state, requests: new Map(state.requests).set(id, '') } : state, observations]
    }
    default:
      return native satisfies never
  }
}

function mapMessage(state: ClaudeState, native: Native): Mapped {
  switch (native.type) {
    case 'stream_event':
      return mapStream(state, native)
    case 'assistant':
      return mapAssistant(state, native)
    case 'user':
      return inTurn(state, native.message.content, (current, block) =>
        block.type === 'tool_result' ? complete(current, block, native.tool_use_result) : [current, []],
      )
    case 'result':
      return endTurn(state, native)
    case 'command_lifecycle':
      return [mapLifecycle(state, native), []]
    case 'system':
      return mapSystem(state, native)
    default:
      return native satisfies never
  }
}

function mapAssistant(state: ClaudeState, { message, parent_tool_use_id, error, aborted }: NativeOf<'assistant'>): Mapped {
  // The text of a failure is told with the end of the turn.
  if (error != null) return [{ ...state, error }, []]
  const about = { thread: parent_tool_use_id ?? '', messageId: message.id, partial: aborted }
  return inTurn(state, message.content, (current, block) => {
    switch (block.type) {
      case 'text':
        return completeBlock(current, about, 'text', block.text)
      case 'thinking':
        return completeBlock(current, about, 'reasoning', block.thinking)
      case 'tool_use':
        return announce(current, block)
      case 'tool_result':
      case 'other':
        return [current, []]
      default:
        return block satisfies never
    }
  })
}

/** Each block on its own, one after the other. */
function inTurn(state: ClaudeState, blocks: readonly ContentBlock[], map: (state: ClaudeState, block: ContentBlock) => Mapped): Mapped {
  return blocks.reduce<Mapped>(
    ([current, seen], block) => {
      const [next, observations] = map(current, block)
      return [next, [...seen, ...observations]]
    },
    [state, []],
  )
}

function mapSystem(state: ClaudeState, native: NativeOf<'system'>): Mapped {
  switch (native.subtype) {
    // A retried call of the model starts its answer again from the beginning: what was shown of it is void.
    case 'api_retry': {
      const [next, discarded] = discardOpen(state)
      const { attempt, max_retries, error_status, error } = native
      const why = `${error === '' ? 'unknown' : error}${error_status == null ? '' : ` (${error_status})`}`
      return [
        next,
        [
          ...discarded,
          notice('warning', 'model_retry', `The model's endpoint failed: ${why}. Attempt ${attempt} of ${max_retries} to try again.`),
        ],
      ]
    }
    case 'init': {
      const failed = native.mcp_servers.filter(({ name, status }) => status === 'failed' && !state.failedServers.has(name))
      const failedServers = new Set([...state.failedServers, ...failed.map(({ name }) => name)])
      return [
        { ...state, failedServers },
        failed.map(({ name }) => notice('warning', 'mcp_server_failed', `The MCP server ${name} did not start.`)),
      ]
    }
    case 'informational':
    case 'model_refusal_no_fallback':
      return [state, native.content == null ? [] : [notice('info', native.subtype, native.content)]]
    default:
      return native satisfies never
  }
}

function mapInvalid(state: ClaudeState, { reason, line }: Extract<Incoming, { kind: 'invalid' }>): Mapped {
  const invalidLines = state.invalidLines + 1
  if (invalidLines > maxInvalidLines) return [{ ...state, invalidLines }, []]
  const more = invalidLines === maxInvalidLines ? '; further ones are not reported' : ''
  return [
    { ...state, invalidLines },
    [notice('warning', 'agent.output.invalid', `Claude wrote what is no message: ${reason}${more}.`, { line: line.slice(0, 200) })],
  ]
}

function toUnknown(message: unknown): readonly Observation[] {
  const kind = toNoticeKind(message)
  return kind === null ? [] : [notice('info', kind, 'Claude sent a message that the daemon does not know.', message)]
}
