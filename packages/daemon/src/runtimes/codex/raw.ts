import * as path from 'node:path'
import { atOnce } from './call-flow.ts'
import { toScriptCall, toShellCall } from './calls.ts'
import { toRawItem } from './native.ts'
import type { RawItem } from './native.ts'
import type { CodexState, Mapped } from './state.ts'

/**
 * What the model's raw calls and their outputs say beyond Codex's items: whether a command wants to leave the sandbox, the
 * scripts of models that write their calls as code, and commands that Codex does not show.
 */
export function mapRaw(state: CodexState, raw: unknown): Mapped {
  const item = toRawItem(raw)
  if (item === null) return [state, []]
  switch (item.kind) {
    case 'shell':
      return [note(state, item), []]
    case 'script': {
      if (state.raw.has(item.id)) return [state, []]
      const call = toScriptCall(item.id, item.code)
      return [
        note(state, item),
        [
          { kind: 'call.unasked', call, rule: 'codex:code_mode' },
          { kind: 'call.started', id: item.id },
        ],
      ]
    }
    case 'output':
      return mapOutput(state, item)
    default:
      return item satisfies never
  }
}

// A model that uses an id twice does not get to unsay a wish.
function note(state: CodexState, item: Exclude<RawItem, { kind: 'output' }>): CodexState {
  const known = state.raw.get(item.id)
  const same = item.kind === 'shell' && known?.kind === 'shell' && known.wish !== item.wish
  return { ...state, raw: new Map(state.raw).set(item.id, same ? { ...item, wish: 'leave' } : item) }
}

function mapOutput(state: CodexState, { id, text }: Extract<RawItem, { kind: 'output' }>): Mapped {
  const made = state.raw.get(id)
  if (made === undefined || state.shown.has(id)) return [state, []]
  const shown = { ...state, shown: new Set(state.shown).add(id) }
  if (made.kind === 'script') {
    const result = {
      output: text,
      isError: text.startsWith('Script failed'),
      durationMs: null,
      executionEnv: state.walled ? 'sandbox' : 'unknown',
    } as const
    return [shown, [{ kind: 'call.completed', id, result }]]
  }
  // A command that ends at once because the sandbox refused it something has run, but Codex has no item for it.
  const [, head, code, output] =
    /^((?:[^\n]*\n){0,6}?)Process exited with code (-?\d+)\n(?:[^\n]*\n){0,4}?Output:\n([\s\S]*)$/.exec(text) ?? []
  if (head === undefined || code === undefined) return [shown, []]
  const call = toShellCall(id, made.command, path.resolve(state.cwd, made.workdir ?? '.'))
  const exitCode = Number(code)
  const executionEnv = state.policy === 'never' && !state.walled ? 'host' : 'sandbox'
  const result = { output: output ?? '', isError: exitCode !== 0, exitCode, durationMs: null, executionEnv } as const
  return [shown, atOnce(call, result, `codex:approval_policy=${state.policy}`)]
}
