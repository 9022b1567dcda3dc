import type { Message } from '@codesdkd/protocol'
import { toBlocks } from '@codesdkd/protocol'
import type { Runtime, RuntimeSession } from '../../core/ports.ts'
import { createAcpRuntime } from '../acp/acp.ts'
import { openCodeProfile } from './profile.ts'
import type { RuntimeOptions } from '../runtime-options.ts'

/** A start takes four seconds of a processor: on a busy machine that is a long time. */
const startTimeoutMs = 90_000

/** OpenCode, through `opencode acp`: one process for each live session. */
export function createOpenCodeRuntime(options: RuntimeOptions): Runtime {
  const runtime = createAcpRuntime(openCodeProfile, { startTimeoutMs, ...options })
  return { ...runtime, open: async (spec, env, signal) => withPlainMessages(await runtime.open(spec, env, signal)) }
}

/** OpenCode takes a prompt that begins with a slash for a command, and one that it does not know for nothing at all. */
function withPlainMessages(session: RuntimeSession): RuntimeSession {
  return {
    get nativeId() {
      return session.nativeId
    },
    get alive() {
      return session.alive
    },
    resumed: session.resumed,
    run: (task, host) => session.run({ ...task, messages: task.messages.map(toPlain) }, host),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function toPlain(message: Message): Message {
  const blocks = toBlocks(message.content)
  const first = blocks.find(({ type }) => type === 'text')
  if (first?.type !== 'text' || !first.text.trimStart().startsWith('/')) return message
  return { ...message, content: blocks.map((block) => (block === first ? { ...first, text: `My message:\n${first.text}` } : block)) }
}
