import type { Capabilities, CapabilityValue } from '@codesdkd/protocol'
import type { Observation } from '../core/task-host.ts'
import { denialReason, echoed, firstPrompt, type TrialName } from './trials.ts'
import type { Turn } from './turn.ts'

/** What a turn has shown: to the daemon, to the model, in the workspace. */
export interface Evidence extends Turn {
  /** Bodies of the requests that reached the model, as JSON. */
  readonly requests: readonly string[]
  /** Files of the workspace afterwards. */
  readonly files: ReadonlySet<string>
  /** Whether the agent says that it took up an earlier conversation, and whether it can be used on. */
  readonly resumed: boolean
  readonly alive: boolean
}

export interface Measurement {
  readonly value: CapabilityValue
  readonly detail: string
}

/** What a capability is measured by. */
export interface ProbeSpec {
  readonly name: string
  readonly capability: keyof Capabilities | null
  readonly trial: TrialName
  readonly measure: (evidence: Evidence, declared: CapabilityValue) => Measurement
  /** Default: they are the same. */
  readonly agrees?: (declared: CapabilityValue, measured: CapabilityValue) => boolean
}

export const probes: readonly ProbeSpec[] = [
  {
    name: 'streaming',
    capability: 'supports_streaming',
    trial: 'answer',
    measure({ observations }) {
      const pieces = deltas(observations, 'text_delta')
      return { value: pieces > 1, detail: `The answer came in ${pieces} pieces.` }
    },
  },
  {
    name: 'reasoning',
    capability: null,
    trial: 'answer',
    measure({ observations }) {
      const pieces = deltas(observations, 'reasoning_delta')
      return { value: pieces > 0, detail: `The model's reasoning came in ${pieces} pieces.` }
    },
  },
  {
    name: 'usage',
    capability: 'supports_usage_reporting',
    trial: 'answer',
    measure({ observations }) {
      const told = events(observations).some(
        ({ type, payload }) => type === 'usage.reported' && payload.input_tokens !== null && payload.output_tokens !== null,
      )
      return { value: told, detail: told ? 'The tokens of the call were told.' : 'Nobody told how many tokens the call took.' }
    },
  },
  {
    name: 'ask-approved',
    capability: 'supports_tool_calls',
    trial: 'approved',
    measure({ asked, files }) {
      const done = files.has('approved.txt')
      return { value: done, detail: `${counted(asked.length)}; the command ${done ? 'had' : 'did not have'} its effect.` }
    },
  },
  {
    name: 'ask-denied',
    capability: 'permission_model',
    trial: 'denied',
    measure({ asked, files }, declared) {
      const held = asked.length > 0 && !files.has('denied.txt')
      const detail = `${counted(asked.length)}; the denied command ${files.has('denied.txt') ? 'ran' : 'did not run'}.`
      return { value: held ? (declared === 'none' || declared === 'mode' ? 'request' : declared) : 'none', detail }
    },
  },
  {
    name: 'deny-reason',
    capability: 'supports_deny_reason',
    trial: 'denied',
    measure: ({ requests }) => heard(requests, denialReason, 'the reason of the denial'),
  },
  {
    name: 'parallel-calls',
    capability: 'supports_parallel_tool_calls',
    trial: 'parallel',
    measure({ files, mostWaiting }) {
      const done = ['one.txt', 'two.txt'].filter((name) => files.has(name)).length
      const how = ['nobody was asked', 'one waited for the other'][mostWaiting] ?? 'both waited for a decision at once'
      return { value: done === 2 && mostWaiting > 1, detail: `Of two calls of one answer ${done} ran; ${how}.` }
    },
  },
  {
    name: 'outstanding-calls',
    capability: 'max_outstanding_tool_calls',
    trial: 'parallel',
    measure: ({ mostWaiting }) => ({
      value: mostWaiting === 0 ? null : mostWaiting,
      detail: `Of two calls ${mostWaiting} waited for a decision at once.`,
    }),
    // Two is as far as the probe goes: where both wait, any larger number or none may be true.
    agrees: (declared, measured) => (measured === 1 ? declared === 1 : declared === null || (typeof declared === 'number' && declared > 1)),
  },
  {
    name: 'questions',
    capability: 'supports_questions',
    trial: 'question',
    measure: ({ questions }) => ({
      value: questions.length > 0,
      detail: questions.length > 0 ? "The model's question came to the person." : "The model's question came to nobody.",
    }),
  },
  {
    name: 'image',
    capability: 'supports_attachments',
    trial: 'image',
    measure({ requests }) {
      // An agent may write it anew: it is known by how PNG, JPEG and WebP begin in base64.
      const came = requests.some((body) => /iVBORw0KGgo|\/9j\/|UklGR/.test(body))
      return { value: came, detail: `The picture ${came ? 'reached' : 'did not reach'} the model.` }
    },
  },
  {
    name: 'second-turn',
    capability: 'state_model',
    trial: 'approved',
    measure({ requests }) {
      const { value, detail } = heard(requests.slice(0, 1), firstPrompt, 'the turn before')
      return { value: value === true ? 'runtime_owned' : 'daemon_owned', detail }
    },
  },
  {
    name: 'resume',
    capability: 'supports_session_resume',
    trial: 'resumed',
    measure({ requests, resumed }) {
      const { value, detail } = heard(requests, firstPrompt, 'the conversation of the agent that was closed')
      return { value: resumed && value === true, detail: `The agent ${resumed ? 'found' : 'did not find'} its conversation. ${detail}` }
    },
  },
  {
    name: 'stop',
    capability: 'supports_stop',
    trial: 'stopped',
    measure({ outcome, stoppedAfterMs }) {
      const stopped = outcome.status === 'stopped' && stoppedAfterMs !== null
      return {
        value: stopped,
        detail: stopped ? `It ended ${Math.round(stoppedAfterMs)} ms after the wish.` : `It ended as ${outcome.status}.`,
      }
    },
  },
  {
    name: 'stop-model',
    capability: 'cancellation_model',
    trial: 'stopped',
    measure: ({ alive }) => ({
      value: alive ? 'interrupt' : 'kill',
      detail: alive ? 'The agent went on living.' : 'The agent was gone afterwards.',
    }),
  },
  {
    name: 'mcp-stdio',
    capability: 'mcp_support',
    trial: 'mcp',
    measure({ requests }) {
      const { value, detail } = heard(requests, `echo: ${echoed}`, 'what the tool of the MCP server answered')
      return { value: value === true ? 'native' : 'none', detail }
    },
  },
]

type Observed = Extract<Observation, { kind: 'event' }>['event']

function events(observations: readonly Observation[]): readonly Observed[] {
  return observations.flatMap((seen) => (seen.kind === 'event' ? [seen.event] : []))
}

function deltas(observations: readonly Observation[], kind: 'text_delta' | 'reasoning_delta'): number {
  return events(observations).filter(({ type, payload }) => type === 'model.output.delta' && payload.kind === kind).length
}

function heard(requests: readonly string[], text: string, what: string): Measurement {
  const value = requests.some((body) => body.includes(JSON.stringify(text).slice(1, -1)))
  return { value, detail: `The model ${value ? 'heard' : 'did not hear'} ${what}.` }
}

function counted(questions: number): string {
  return questions === 0 ? 'Nobody was asked' : 'The agent asked'
}
