import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Observation } from '../../packages/daemon/src/core/task-host.ts'
import { answered as answeredAcp } from '../../packages/daemon/src/runtimes/acp/call-flow.ts'
import { beginPrompt, endPrompt, mapAcp, type MapHooks } from '../../packages/daemon/src/runtimes/acp/map.ts'
import { promptResult } from '../../packages/daemon/src/runtimes/acp/native.ts'
import { createAcpState } from '../../packages/daemon/src/runtimes/acp/state.ts'
import { answered as answeredClaude } from '../../packages/daemon/src/runtimes/claude/call-flow.ts'
import { toIncoming } from '../../packages/daemon/src/runtimes/claude/channel.ts'
import { mapClaude } from '../../packages/daemon/src/runtimes/claude/map.ts'
import { createClaudeState } from '../../packages/daemon/src/runtimes/claude/state.ts'
import { answered as answeredCodex } from '../../packages/daemon/src/runtimes/codex/call-flow.ts'
import { mapCodex } from '../../packages/daemon/src/runtimes/codex/map.ts'
import { createCodexState } from '../../packages/daemon/src/runtimes/codex/state.ts'
import { geminiProfile } from '../../packages/daemon/src/runtimes/gemini/gemini.ts'
import type { Incoming } from '../../packages/daemon/src/runtimes/json-rpc.ts'
import { openCodeProfile } from '../../packages/daemon/src/runtimes/opencode/profile.ts'

/** A line of a recording: what the agent said, or what was answered. */
export interface Line {
  readonly from?: unknown
  readonly to?: unknown
}

/** What an agent is to the session: takes one line after the other. */
export interface Listener {
  /** What a line means. Where it was an answer to a question of the agent: which, and whether it was a yes. */
  take(line: Line): {
    readonly seen: readonly Observation[]
    readonly answer?: { readonly reply: string | number; readonly approved: boolean }
  }
}

export interface RecordedAgent {
  readonly name: string
  readonly recordings: readonly (readonly Line[])[]
  /** Begins to hear what an agent says; `lines` tell whose session it is. */
  listen(lines: readonly Line[]): Listener
}

type Mapped<S> = readonly [S, readonly Observation[]]

/** Keeps the state between the lines. */
function createListener<S>(
  start: S,
  hear: (state: S, from: unknown) => Mapped<S>,
  answer: (state: S, reply: string | number, approved: boolean) => S,
): Listener {
  let state = start
  return {
    take({ from, to }) {
      const given = to === undefined ? null : toAnswer(to)
      if (given !== null) {
        state = answer(state, given.reply, given.approved)
        return { seen: [], answer: given }
      }
      if (from === undefined) return { seen: [] }
      const [next, seen] = hear(state, from)
      state = next
      return { seen }
    },
  }
}

const yes = /"(?:behavior|decision|action|optionId)":"(?:allow|accept|once|proceed_once|y)"/

function toAnswer(to: unknown): { readonly reply: string | number; readonly approved: boolean } | null {
  const reply = field(to, 'id') ?? field(field(to, 'response'), 'request_id')
  if ((typeof reply !== 'string' && typeof reply !== 'number') || field(to, 'method') !== undefined) return null
  return { reply, approved: yes.test(JSON.stringify(to)) }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function toRpc(from: unknown): Incoming | null {
  const [id, method, params] = ['id', 'method', 'params'].map((name) => field(from, name))
  if (typeof method !== 'string') return null
  return typeof id === 'string' || typeof id === 'number'
    ? { kind: 'request', id, method, params }
    : { kind: 'notification', method, params }
}

function acp(name: string, hooks: MapHooks): RecordedAgent {
  const start = (lines: readonly Line[]) => {
    const [, sessionId = ''] = /"sessionId":"([^"]+)"/.exec(JSON.stringify(lines)) ?? []
    return createAcpState({ sessionId, cwd: '/workspace', costBefore: 0 })
  }
  return {
    name,
    recordings: read(name),
    listen: (lines) =>
      createListener(
        beginPrompt(start(lines))[0],
        (state, from) => {
          const message = toRpc(from)
          if (message !== null) return mapAcp(hooks, state, message)
          const result = promptResult.safeParse(field(from, 'result'))
          return result.success ? endPrompt(hooks, state, result.data) : [state, []]
        },
        answeredAcp,
      ),
  }
}

const { denial: _gemini, ...geminiHooks } = geminiProfile
const { denial: _openCode, ...openCodeHooks } = openCodeProfile

export const agents: readonly RecordedAgent[] = [
  acp('acp', {}),
  acp('gemini', geminiHooks),
  acp('opencode', openCodeHooks),
  {
    name: 'claude',
    recordings: read('claude'),
    listen: () =>
      createListener(
        createClaudeState({ cwd: '/workspace', prompt: 'p' }),
        (state, from) => {
          const incoming = toIncoming({ text: JSON.stringify(from), truncated: false })
          return incoming.kind === 'response' ? [state, []] : mapClaude(state, incoming)
        },
        (state, reply, approved) => answeredClaude(state, String(reply), approved),
      ),
  },
  {
    name: 'codex',
    recordings: read('codex'),
    listen: () =>
      createListener(
        createCodexState({ cwd: '/workspace', policy: 'on-request', walled: false }),
        (state, from) => {
          const message = toRpc(from)
          return message === null ? [state, []] : mapCodex(state, message)
        },
        answeredCodex,
      ),
  },
]

function read(name: string): readonly (readonly Line[])[] {
  const directory = join(import.meta.dirname, '../fixtures', name)
  return readdirSync(directory)
    .filter((file) => file.endsWith('.native.jsonl'))
    .map((file) =>
      readFileSync(join(directory, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line): Line => JSON.parse(line)),
    )
}
