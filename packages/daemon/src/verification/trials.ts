import type { ScenarioFileInput } from '@codesdkd/offline-model'
import type { Message } from '@codesdkd/protocol'
import type { Decision, NativeCall, Observation } from '../core/task-host.ts'

type Scenario = ScenarioFileInput['scenarios'][number]

/** One turn with the agent: what it is told, what the model says to that, and what the person does meanwhile. */
export interface Trial {
  /**
   * Trials of one conversation follow each other in one live agent; `resumed` closes the agent and takes up its conversation again;
   * `equipped` is a new agent with an MCP server.
   */
  readonly conversation: 'first' | 'resumed' | 'equipped'
  /** Names the scenario: no other trial says it. */
  readonly prompt: string
  readonly image?: true
  readonly legs: Scenario['legs']
  /** Default: everything is approved. */
  readonly decide?: (call: NativeCall) => Decision
  /** No call is decided before so many wait, or a while has passed. */
  readonly together?: number
  /** The task is stopped when this is seen. */
  readonly stopAt?: (observation: Observation) => boolean
}

export const denialReason = 'Not today, says the probe 5d1c.'
export const echoed = 'heard by the probe 8e42'
export const firstPrompt = 'Probe: say something.'

/** Every turn of a verification, in order. The later ones of a conversation show what is left of the earlier ones. */
export const trials = {
  answer: {
    conversation: 'first',
    prompt: firstPrompt,
    legs: [
      {
        reasoning: 'A probe wants to hear something.',
        text: 'The probe hears this sentence, and it comes in several pieces.',
        chunk_size: 12,
        usage: { input_tokens: 11, output_tokens: 7 },
      },
    ],
  },
  approved: { conversation: 'first', prompt: 'Probe: write a file.', legs: writing('approved.txt') },
  denied: {
    conversation: 'first',
    prompt: 'Probe: write a file that is refused.',
    legs: writing('denied.txt'),
    decide: () => ({ decision: 'denied', reason: denialReason }),
  },
  parallel: { conversation: 'first', prompt: 'Probe: write two files.', legs: writing('one.txt', 'two.txt'), together: 2 },
  question: {
    conversation: 'first',
    prompt: 'Probe: ask something.',
    legs: [
      { tools: [{ tool: 'question', question: 'Which colour?', header: 'Colour', options: [{ label: 'red' }, { label: 'blue' }] }] },
      { text: 'It is as you say.' },
    ],
  },
  image: { conversation: 'first', prompt: 'Probe: look at this.', image: true, legs: [{ text: 'A dot.' }] },
  resumed: { conversation: 'resumed', prompt: 'Probe: go on.', legs: [{ text: 'Where were we?' }] },
  stopped: {
    conversation: 'resumed',
    prompt: 'Probe: talk until you are stopped.',
    legs: [{ text_repeat: { text: 'and on ', times: 3_000 }, chunk_size: 7, delay_ms: 20 }],
    stopAt: ({ kind }) => kind === 'event',
  },
  mcp: {
    conversation: 'equipped',
    prompt: 'Probe: use the tool of the server.',
    legs: [{ tools: [{ tool: 'mcp', server: 'probe', name: 'echo', input: { text: echoed } }] }, { text: 'It came back.' }],
  },
} as const satisfies Record<string, Trial>

export type TrialName = keyof typeof trials

/** What the offline model plays to all of them. */
export const scenarios: readonly Scenario[] = Object.entries(trials).map(([name, { prompt, legs }]) => ({
  name: `probe-${name}`,
  prompt,
  legs: [...legs],
}))

/** One pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC'

export function toMessage({ prompt, image }: Trial): Message {
  if (image !== true) return { role: 'user', content: prompt }
  return {
    role: 'user',
    content: [
      { type: 'text', text: prompt },
      { type: 'image', media_type: 'image/png', data: pixel },
    ],
  }
}

/** One answer that writes these files with as many commands, and one more. */
function writing(...files: readonly string[]): Scenario['legs'] {
  return [{ tools: files.map((file) => ({ tool: 'shell', command: `echo probe > ${file}` })) }, { text: 'That is all.' }]
}
