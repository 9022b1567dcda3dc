import type { Message } from '@codesdkd/protocol'
import { toBlocks } from '@codesdkd/protocol'
import type { Outcome, Runtime, RuntimeSession, TaskSpec } from '../../core/ports.ts'
import type { TaskHost } from '../../core/task-host.ts'
import { createAcpRuntime } from '../acp/acp.ts'
import { createBreachWatch } from './breach.ts'
import { openCodeProfile } from './profile.ts'
import { failed } from '../outcome.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** A start takes four seconds of a processor: on a busy machine that is a long time. */
const startTimeoutMs = 90_000

/** OpenCode, through `opencode acp`: one process for each live session. */
export function createOpenCodeRuntime(options: RuntimeOptions): Runtime {
  const runtime = createAcpRuntime(openCodeProfile, { startTimeoutMs, ...options })
  return { ...runtime, open: async (spec, env, signal) => toGuarded(await runtime.open(spec, env, signal)) }
}

function toGuarded(session: RuntimeSession): RuntimeSession {
  return {
    get nativeId() {
      return session.nativeId
    },
    get alive() {
      return session.alive
    },
    resumed: session.resumed,
    run: (task, host) => runGuarded(session, { ...task, messages: task.messages.map(toPlain) }, host),
    processes: async () => (await session.processes?.()) ?? null,
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

/** Runs a turn, and ends an agent that does what nobody was asked about. */
async function runGuarded(session: RuntimeSession, task: TaskSpec, host: TaskHost): Promise<Outcome> {
  const watch = createBreachWatch()
  const endings: PromiseLike<void>[] = []
  const outcome = await session.run(task, {
    signal: host.signal,
    ask: (call) => host.ask(call),
    answer: (question) => host.answer(question),
    async observe(observations) {
      await host.observe(observations)
      // Not awaited: the end of the agent waits for what is observed. One that fails while it ends has ended all the same.
      if (watch.sees(observations) && endings.length === 0) endings.push(session[Symbol.asyncDispose]().then(undefined, () => {}))
    },
  })
  if (endings.length === 0) return outcome
  await Promise.all(endings)
  return failed({
    code: 'agent_protocol_error',
    message: 'OpenCode did something that nobody was asked about; it was ended.',
    retryable: false,
  })
}

/** OpenCode takes a prompt that begins with a slash for a command, and one that it does not know for nothing at all. */
function toPlain(message: Message): Message {
  const blocks = toBlocks(message.content)
  const first = blocks.find(({ type }) => type === 'text')
  if (first?.type !== 'text' || !first.text.trimStart().startsWith('/')) return message
  return { ...message, content: blocks.map((block) => (block === first ? { ...first, text: `My message:\n${first.text}` } : block)) }
}
