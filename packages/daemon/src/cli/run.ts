import { resolve } from 'node:path'
import type { TaskResult } from '@codesdkd/client/node'
import type { Event } from '@codesdkd/protocol'
import { createPerson } from './ask-person.ts'
import type { Call, Command } from './command.ts'
import { toReceiptText } from './receipt-text.ts'
import { createStory } from './story.ts'
import { UsageError } from './usage-error.ts'

/** What a task ended as -> exit code. */
const exitCodes = { completed: 0, failed: 1, stopped: 3 } as const

export const run: Command = {
  words: ['<prompt>'],
  summary: 'let an agent do something in this folder',
  detail: `Starts a daemon on the data directory where none runs; what follows -- are its options then.
In mode "ask" each call that has an effect is put to you. Without a terminal it waits for "codesdkd approve", or for the inspector.
Ctrl-C stops the task, twice leaves at once. Exit code: 0 completed, 1 failed, 3 stopped, 2 wrong usage, 69 no daemon.`,
  flags: {
    runtime: { value: '<name>', help: 'codex, claude, gemini, opencode or another agent of the daemon (its default)' },
    mode: { value: '<mode>', help: 'ask, auto or yolo (the default of the daemon)' },
    model: { value: '<name>', help: 'model (the choice of the agent)' },
    cwd: { value: '<dir>', help: 'folder to work in (this one)' },
    session: { value: '<id>', help: 'go on with a session, in place of a new one' },
    title: { value: '<text>', help: 'title of the new session' },
    timeout: { value: '<seconds>', help: 'end the task after so long' },
    offline: { value: null, help: 'where a daemon is started: with the offline model, without a login' },
  },
  async run(call) {
    const mode = toMode(call.text('mode'))
    const timeout = toSeconds(call.text('timeout'))
    const sessionId = call.text('session') ?? (await createSession(call, mode))
    const result = await converse(call, sessionId, {
      ...(mode === undefined ? {} : { permission_mode: mode }),
      ...(timeout === undefined ? {} : { timeout_ms: timeout * 1_000 }),
    })
    call.screen.wait(null)
    if (call.json) call.screen.line(JSON.stringify({ result }))
    else call.screen.line(`\n${toReceiptText(result, call.screen.style)}`)
    return exitCodes[result.status]
  },
}

type Mode = 'ask' | 'auto' | 'yolo'

async function createSession({ client, text, signal }: Call, mode: Mode | undefined): Promise<string> {
  const [runtime, model, title] = [text('runtime'), text('model'), text('title')]
  const body = {
    cwd: resolve(text('cwd') ?? '.'),
    ...(runtime === undefined ? {} : { runtime }),
    ...(model === undefined ? {} : { model }),
    ...(title === undefined ? {} : { title }),
    ...(mode === undefined ? {} : { permission_mode: mode }),
  }
  return (await client.createSession(body, { signal })).session_id
}

function converse(
  { words, client, json, screen, signal }: Call,
  sessionId: string,
  task: { readonly permission_mode?: Mode; readonly timeout_ms?: number },
): Promise<TaskResult> {
  const story = createStory(screen)
  const stop = new AbortController()
  const atTerminal = !json && process.stdin.isTTY && process.stderr.isTTY
  const person = atTerminal ? createPerson({ client, screen, interrupt: () => process.kill(process.pid, 'SIGINT') }) : null
  signal.addEventListener('abort', () => (screen.note('stopping the task …'), stop.abort()), { once: true })
  return client.runTask({
    sessionId,
    messages: words.join(' '),
    ...task,
    signal: stop.signal,
    onConnection: (connection) => {
      if (connection.phase === 'lost') screen.note(`the connection to the daemon is lost: ${connection.error.message}`)
    },
    onEvent(event) {
      if (json) return screen.line(JSON.stringify(event))
      story.tell(event)
      screen.wait(toWaiting(event))
      if (person === null && event.type === 'tool.call.policy_evaluated' && event.payload.result === 'ask')
        screen.note(`waits for: codesdkd approve ${event.payload.tool_call_id}`)
    },
    ...person,
  })
}

/** What comes next, after an event. */
function toWaiting({ type }: Event): string | null {
  if (type.startsWith('task.') && type !== 'task.started' && type !== 'task.steered') return null
  return type === 'tool.call.started' || type === 'tool.output.delta' ? 'it runs' : 'the agent thinks'
}

function toMode(mode: string | undefined): Mode | undefined {
  if (mode === undefined || mode === 'ask' || mode === 'auto' || mode === 'yolo') return mode
  throw new UsageError('--mode must be ask, auto or yolo')
}

function toSeconds(text: string | undefined): number | undefined {
  const seconds = text === undefined ? undefined : Number(text)
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds > 0)) throw new UsageError('--timeout must be a number of seconds')
  return seconds
}
