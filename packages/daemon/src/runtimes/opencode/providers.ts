import type { Dialect } from '../../core/enclosure.ts'

/** What is spoken with models. */
export type ModelDialect = Exclude<Dialect, 'mcp'>

/** A provider of models as OpenCode knows it. */
export interface Provider {
  /** The variable that holds its key; null for one whose key only OpenCode's own login keeps. */
  readonly variable: string | null
  /** Base URL as its package in OpenCode takes it. */
  readonly upstream: string
  /** What is spoken below it, the one of most models first. */
  readonly dialects: readonly [ModelDialect, ...ModelDialect[]]
}

function speaking(...dialects: Provider['dialects']): (upstream: string, variable?: string) => Provider {
  return (upstream, variable) => ({ upstream, variable: variable ?? null, dialects })
}

const chat = speaking('chat_completions')
const responses = speaking('responses')
const messages = speaking('messages')
const content = speaking('generate_content')
/** OpenCode's own gateways have models of all kinds. */
const mixed = speaking('chat_completions', 'messages', 'generate_content')

/** The providers whose keys stay outside, by OpenCode's names of them. */
export const providers: ReadonlyMap<string, Provider> = new Map([
  ['anthropic', messages('https://api.anthropic.com/v1', 'ANTHROPIC_API_KEY')],
  ['openai', responses('https://api.openai.com/v1', 'OPENAI_API_KEY')],
  ['openrouter', chat('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY')],
  ['google', content('https://generativelanguage.googleapis.com/v1beta', 'GEMINI_API_KEY')],
  ['mistral', chat('https://api.mistral.ai/v1', 'MISTRAL_API_KEY')],
  ['groq', chat('https://api.groq.com/openai/v1', 'GROQ_API_KEY')],
  ['deepseek', chat('https://api.deepseek.com', 'DEEPSEEK_API_KEY')],
  ['xai', responses('https://api.x.ai/v1', 'XAI_API_KEY')],
  ['opencode', mixed('https://opencode.ai/zen/v1', 'OPENCODE_API_KEY')],
  ['opencode-go', mixed('https://opencode.ai/zen/go/v1')],
  ['zai', chat('https://api.z.ai/api/paas/v4')],
  ['zai-coding-plan', chat('https://api.z.ai/api/coding/paas/v4')],
  ['moonshotai', chat('https://api.moonshot.ai/v1')],
  ['minimax', messages('https://api.minimax.io/anthropic/v1')],
  ['togetherai', chat('https://api.together.xyz/v1')],
  ['fireworks-ai', chat('https://api.fireworks.ai/inference/v1')],
  ['cerebras', chat('https://api.cerebras.ai/v1')],
])

export const credentialVariables: readonly string[] = [...providers.values()].flatMap(({ variable }) => variable ?? [])
