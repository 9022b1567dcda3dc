import type { ScenarioFileInput } from '@codesdkd/offline-model'

export type ScenarioInput = ScenarioFileInput['scenarios'][number]
export type LegInput = ScenarioInput['legs'][number]
export type ToolInput = NonNullable<LegInput['tools']>[number]
export type FaultInput = NonNullable<LegInput['fault']>

/** Prompt -> what the model answers to it, call by call. A prompt is also its scenario's name. */
export type Script = Readonly<Record<string, LegInput[]>>

export function toScenarios(script: Script): ScenarioFileInput {
  return { scenarios: Object.entries(script).map(([prompt, legs]) => ({ name: prompt, prompt: { regex: `^${prompt}$` }, legs })) }
}

/** A command; `leave` asks to run it outside the sandbox. */
export function shell(command: string, { leave, waitMs }: { leave?: string; waitMs?: number } = {}): ToolInput {
  return {
    tool: 'shell',
    command,
    ...(leave === undefined ? {} : { escalate: true, justification: leave }),
    // How long the agent waits for a command before it lets it run on by itself.
    yield_time_ms: waitMs ?? 30_000,
  }
}

/** An answer that no test lives to see the end of. */
export const endlessTalk: LegInput = { text_repeat: { text: 'on and on and ', times: 10_000 }, delay_ms: 20 }

/** An edit of `greet.js`, the file that is in every workspace. */
export const mendGreeting: ToolInput = {
  tool: 'patch',
  patch:
    '*** Begin Patch\n*** Update File: greet.js\n@@\n-export const greet = (name) => `Helo, ${name}!`;\n+export const greet = (name) => `Hello, ${name}!`;\n*** End Patch\n',
}
