import { emptyLayers, type LayeredMap, type Usage } from '@codesdkd/protocol'
import type { CallResult, Observation } from '../../core/task-host.ts'
import type { NativeResult, NativeUsage, ToolUse } from './native.ts'

/** How a turn ended: with a result, or taken back before it began. */
export type TurnEnd =
  | { readonly kind: 'result'; readonly result: NativeResult; readonly error: string | null }
  | { readonly kind: 'cancelled' }

/** One block of an answer that is being written. */
export interface OpenBlock {
  readonly kind: 'text' | 'reasoning'
  /** Null until something of it was shown. */
  readonly blockId: string | null
  readonly shown: string
}

/** The answer that one thread (the main one, or a subagent) is writing. */
export interface OpenMessage {
  readonly id: string
  readonly usage: NativeUsage | null
  /** By its index in the message, in the order in which they began. */
  readonly blocks: ReadonlyMap<number, OpenBlock>
}

export interface CallState {
  readonly use: ToolUse
  /**
   * `announced`: the model wants it. `asked`: it waits for an answer. `running`: it was approved. `declined`: it was denied.
   * `withdrawn`: the agent took its question back. `question`: it is a question to the person.
   */
  readonly phase: 'announced' | 'asked' | 'running' | 'declined' | 'withdrawn' | 'question'
}

/** What the mapper remembers of one turn. */
export interface ClaudeState {
  readonly cwd: string
  /** Where commands run. */
  readonly executionEnv: CallResult['executionEnv']
  /** The prompt's own id, by which its result is known. */
  readonly prompt: string
  readonly end: TurnEnd | null
  /** Of the turns of this task that have ended; null where nothing is known. */
  readonly usage: Usage | null
  /** What was sent into the turn beside the prompt, by its own id, and whether the agent has taken it up. */
  readonly steered: ReadonlyMap<string, 'waiting' | 'heard'>
  /** How the agent has ended its turn while something waited, which it takes up now. */
  readonly held: TurnEnd | null
  /** By thread: the id of the call that started a subagent, empty for the main one. */
  readonly messages: ReadonlyMap<string, OpenMessage>
  /** How often each native block id was used: a retried answer may use one again. */
  readonly blockUses: LayeredMap<number>
  readonly calls: ReadonlyMap<string, CallState>
  /** Questions without an answer: request -> call. */
  readonly requests: ReadonlyMap<string, string>
  /** The kind of the last failure that was shown as an answer. */
  readonly error: string | null
  /** MCP servers whose failure was told. */
  readonly failedServers: ReadonlySet<string>
  readonly invalidLines: number
}

export type Mapped = readonly [state: ClaudeState, observations: readonly Observation[]]

export type StateOptions = Pick<ClaudeState, 'cwd' | 'prompt'> & Partial<Pick<ClaudeState, 'executionEnv' | 'usage'>>

export function createClaudeState({ cwd, prompt, executionEnv = 'host', usage = null }: StateOptions): ClaudeState {
  return {
    cwd,
    executionEnv,
    prompt,
    end: null,
    usage,
    steered: new Map(),
    held: null,
    messages: new Map(),
    blockUses: emptyLayers,
    calls: new Map(),
    requests: new Map(),
    error: null,
    failedServers: new Set(),
    invalidLines: 0,
  }
}

export function withCall(state: ClaudeState, id: string, call: CallState): ClaudeState {
  return { ...state, calls: new Map(state.calls).set(id, call) }
}

export function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}
