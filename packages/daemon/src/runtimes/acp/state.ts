import { emptyLayers, layeredEntries, putLayered, type LayeredMap, type Usage } from '@codesdkd/protocol'
import type { Observation } from '../../core/task-host.ts'
import type { AcpTool } from './native.ts'
import type { RpcId } from '../json-rpc.ts'

export interface AcpCall {
  /** The agent's id, made unique where the agent uses one again. */
  readonly id: string
  /**
   * `held`: announced, and whether the agent will ask is not known yet. `asked`: it waits for an answer. `running`: it runs.
   * `declined`: it was answered with no. `ended`: its result is told.
   */
  readonly phase: 'held' | 'asked' | 'running' | 'declined' | 'ended'
  readonly tool: AcpTool
  /** The input that was asked about; undefined where none was shown. */
  readonly asked?: unknown
  /** How much of its output was told while it ran. */
  readonly streamed: string
}

export interface OpenBlock {
  readonly id: string
  readonly type: 'text' | 'reasoning'
  readonly text: string
  readonly messageId: string | null
}

/** What the mapper remembers of one task. */
export interface AcpState {
  readonly sessionId: string
  readonly cwd: string
  readonly walled: boolean
  readonly block: OpenBlock | null
  readonly blocks: number
  /** By the agent's id. */
  readonly calls: LayeredMap<AcpCall>
  /** How often the agent used an id for another call. */
  readonly reused: number
  /** Questions that an answer counts for: request -> the agent's id of the call. */
  readonly requests: ReadonlyMap<RpcId, string>
  /** The conversation's cost in USD before the task, and as last told in it; null where it is not known, or was not told. */
  readonly cost: { readonly before: number | null; readonly now: number | null }
  /** Tokens of the prompts of this task that have ended. */
  readonly usage: Usage | null
  readonly contextWindow: number | null
  /** The last block of text of the prompt, and whether there was anything but text. */
  readonly lastText: string
  readonly textOnly: boolean
  readonly invalidLines: number
  /** Names of what the agent sent and nobody understood. */
  readonly unknown: ReadonlySet<string>
}

export type Mapped = readonly [state: AcpState, observations: readonly Observation[]]

export interface Beginning {
  readonly sessionId: string
  readonly cwd: string
  /** What the conversation had cost before the task; null when that is not known. */
  readonly costBefore: number | null
  /** Whether everything that the agent runs is in a sandbox. Default false. */
  readonly walled?: boolean
}

export function createAcpState({ sessionId, cwd, costBefore, walled = false }: Beginning): AcpState {
  return {
    sessionId,
    cwd,
    walled,
    block: null,
    blocks: 0,
    calls: emptyLayers,
    reused: 0,
    requests: new Map(),
    cost: { before: costBefore, now: null },
    usage: null,
    contextWindow: null,
    lastText: '',
    textOnly: true,
    invalidLines: 0,
    unknown: new Set(),
  }
}

export function withCall(state: AcpState, native: string, call: AcpCall): AcpState {
  return { ...state, calls: putLayered(state.calls, native, call) }
}

/** No answer counts for a call any more. */
export function withoutRequests(state: AcpState, native: string): AcpState {
  return { ...state, requests: new Map([...state.requests].filter(([, asked]) => asked !== native)) }
}

/** True while a call waits for its answer or runs. */
export function hasOpenCalls({ calls }: AcpState): boolean {
  return layeredEntries(calls).some(([, { phase }]) => phase === 'asked' || phase === 'running')
}

/** One step after the other, their observations in order. */
export function inOrder(state: AcpState, ...steps: readonly ((state: AcpState) => Mapped)[]): Mapped {
  return steps.reduce<Mapped>(
    ([current, seen], step) => {
      const [next, observations] = step(current)
      return [next, [...seen, ...observations]]
    },
    [state, []],
  )
}
