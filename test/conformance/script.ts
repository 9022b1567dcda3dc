import type { ScenarioFileInput } from '@codesdkd/offline-model'
import type { Subject } from './subject.ts'

export type ScenarioInput = ScenarioFileInput['scenarios'][number]
export type LegInput = ScenarioInput['legs'][number]
export type ToolInput = NonNullable<LegInput['tools']>[number]
export type FaultInput = NonNullable<LegInput['fault']>

/** Prompt -> what the model answers to it, call by call. A prompt is also its scenario's name. */
export type Script = Readonly<Record<string, LegInput[]>>

export function toScenarios(script: Script): ScenarioFileInput {
  // An output schema stands in the lines after the prompt.
  return { scenarios: Object.entries(script).map(([prompt, legs]) => ({ name: prompt, prompt: { regex: `^${prompt}(?:\\n|$)` }, legs })) }
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

/** What is in `greet.js`, the file of every workspace, and what it should be. */
const greeting = 'export const greet = (name) => `Helo, ${name}!`;'
export const mended = 'export const greet = (name) => `Hello, ${name}!`;'

/** Mends `greet.js`: one leg, or two where the agent wants its model to look first. */
export function mend({ readsFirst }: Subject): LegInput[] {
  const edit: ToolInput = { tool: 'edit', path: 'greet.js', old_text: greeting, new_text: mended }
  return [...(readsFirst ? [{ tools: [{ tool: 'read', path: 'greet.js' } satisfies ToolInput] }] : []), { tools: [edit] }]
}
