import { emptyLayers, type LayeredMap } from '@codesdkd/protocol'
import type { Observation } from '../../core/task-host.ts'
import type { CommandItem, McpItem, NativeError, PatchItem, RawItem } from './native.ts'
import type { RpcId } from '../json-rpc.ts'

export type ApprovalPolicy = 'untrusted' | 'on-request' | 'never'

/** How Codex says a turn ended. */
export interface TurnEnd {
  readonly status: string
  readonly error: NativeError | null
}

/** Items that Codex may ask about. */
export type CallItem = CommandItem | PatchItem | McpItem

export interface CallState {
  /**
   * `held`: Codex announced it, and whether it will ask is not known yet. `asked`: it waits for an answer.
   * `running`: it runs. `declined`: it was answered with no, so nothing ran.
   */
  readonly phase: 'held' | 'asked' | 'running' | 'declined'
  readonly asked: boolean
  readonly escalated: boolean
  /** Null for a question that has no item of its own: its answer is all that happens. */
  readonly item: CallItem | null
}

/** What the mapper remembers of one turn. */
export interface CodexState {
  readonly cwd: string
  readonly policy: ApprovalPolicy
  /** Everything that the agent does happens behind the wall of the daemon; Codex has no sandbox of its own then. */
  readonly walled: boolean
  readonly turnId: string | null
  readonly end: TurnEnd | null
  /** Open output blocks: native block -> block id. */
  readonly blocks: ReadonlyMap<string, string>
  /** How often each native block id was used: an agent that starts over may use one again. */
  readonly blockUses: LayeredMap<number>
  readonly calls: ReadonlyMap<string, CallState>
  /** Questions without an answer that took effect: request -> call. */
  readonly requests: ReadonlyMap<RpcId, string>
  /** Ids of all calls that Codex showed. */
  readonly shown: ReadonlySet<string>
  /** The model's own calls, as it made them. */
  readonly raw: ReadonlyMap<string, Exclude<RawItem, { kind: 'output' }>>
  /** The rate limits as last reported. */
  readonly rateLimits: string
  readonly invalidLines: number
  /** How often the model typed something into a running command. */
  readonly typed: number
}

export type Mapped = readonly [state: CodexState, observations: readonly Observation[]]

export function createCodexState({ cwd, policy, walled }: Pick<CodexState, 'cwd' | 'policy' | 'walled'>): CodexState {
  return {
    cwd,
    policy,
    walled,
    turnId: null,
    end: null,
    blocks: new Map(),
    blockUses: emptyLayers,
    calls: new Map(),
    requests: new Map(),
    shown: new Set(),
    raw: new Map(),
    rateLimits: '',
    invalidLines: 0,
    typed: 0,
  }
}

/** True while a call runs whose result Codex has not told. */
export function hasRunningCalls(state: CodexState): boolean {
  return [...state.calls.values()].some(({ phase, item }) => phase === 'running' && item !== null)
}

export function withCall(state: CodexState, id: string, call: CallState): CodexState {
  return { ...state, calls: new Map(state.calls).set(id, call), shown: new Set(state.shown).add(id) }
}

export function withoutCall(state: CodexState, id: string): CodexState {
  return { ...state, calls: without(state.calls, id) }
}

export function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}
