import type { Payload } from '@codesdkd/protocol'
import type { Observation } from '../../core/task-host.ts'
import type { ModelUsage, NativeResult, NativeUsage } from './native.ts'
import { event } from '../observation.ts'

/** The tokens of one call of the model: those of its beginning, as far as its end does not say otherwise. */
export function toCallUsage(begun: NativeUsage | null, ended: NativeUsage | null): readonly Observation[] {
  if (ended === null) return []
  return report('call', {
    input_tokens: ended.input_tokens ?? begun?.input_tokens,
    cache_creation_input_tokens: ended.cache_creation_input_tokens ?? begun?.cache_creation_input_tokens,
    cache_read_input_tokens: ended.cache_read_input_tokens ?? begun?.cache_read_input_tokens,
    output_tokens: ended.output_tokens,
    output_tokens_details: ended.output_tokens_details,
  })
}

/** Tokens and cost of the whole turn, of which the agent may have made more than one; nothing where no call of the model came to its end. */
export function toTurnUsage(results: readonly NativeResult[]): readonly Observation[] {
  const models = results.flatMap((result) => Object.values(result.model_usage_since_last_result ?? {}))
  const usage = results.at(-1)?.usage
  if (models.length === 0) return usage == null ? [] : report('task', usage)
  // Its own usage leaves the subagents out.
  const total: NativeUsage = {
    input_tokens: sum(models, 'inputTokens'),
    cache_creation_input_tokens: sum(models, 'cacheCreationInputTokens'),
    cache_read_input_tokens: sum(models, 'cacheReadInputTokens'),
    output_tokens: sum(models, 'outputTokens'),
    output_tokens_details: { thinking_tokens: sum(models, 'thinkingTokens') },
  }
  // A model without a price in the agent's own list costs 0 there.
  return report('task', total, sum(models, 'costUSD') || null)
}

/** What is known of it; null when nothing is. */
function sum(models: readonly ModelUsage[], field: keyof ModelUsage): number | null {
  const known = models.flatMap((model) => model[field] ?? [])
  return known.length === 0 ? null : known.reduce((total, one) => total + one, 0)
}

function report(scope: Payload<'usage.reported'>['scope'], usage: NativeUsage, cost_usd: number | null = null): readonly Observation[] {
  const { input_tokens, cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage
  // Claude counts what it reads from its cache, or writes into it, beside the input.
  const input = input_tokens == null ? null : input_tokens + (written ?? 0) + (read ?? 0)
  const output = usage.output_tokens ?? null
  if ((input ?? 0) + (output ?? 0) === 0) return []
  const payload = {
    scope,
    input_tokens: input,
    output_tokens: output,
    cached_input_tokens: read ?? null,
    reasoning_tokens: usage.output_tokens_details?.thinking_tokens ?? null,
    cost_usd,
  }
  return [event({ type: 'usage.reported', payload })]
}
