import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal } from '@codesdkd/protocol'
import type { Fault, Round } from '../fault.ts'
import { checkFootprint, checkNoProcess, checkRuns, checkSession, footprint } from '../oracle.ts'
import { Recorder, type Seen } from '../recorder.ts'
import type { Step } from '../script.ts'

/** One thing that an agent does, and what must be said of it. */
interface Misdeed {
  readonly does: string
  readonly steps?: readonly Step[]
  /** Runtime that is no scripted agent: see `runtimes`. */
  readonly runtime?: string
  /** Error code of the task's end; null for an end without an error. */
  readonly code: string | null
  /** Default: ask. */
  readonly mode?: 'yolo'
  /** Kind of a notice that the log must have. */
  readonly notice?: string
  /** Stopped when it has said something, or when so many of its calls were denied. */
  readonly stop?: true | number
  readonly also?: (events: readonly Seen[], round: Round) => void
}

const notification = (params: unknown) => `${JSON.stringify({ jsonrpc: '2.0', method: 'session/update', params })}\n`
const chunk = (text: string) =>
  notification({ sessionId: 's', update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } } })
const textOf = (events: readonly Seen[]) => JSON.stringify(events)

const exits: readonly Misdeed[] = [
  { does: 'kill -9 of itself', steps: [{ say: 3 }, { signal: 'SIGKILL' }], code: 'agent_exited' },
  { does: 'exit 0 without a result', steps: [{ say: 3 }, { exit: 0 }], code: 'agent_exited' },
  { does: 'exit 1', steps: [{ say: 3 }, { exit: 1 }], code: 'agent_exited' },
  { does: 'exit while it starts', runtime: 'dying', code: 'agent_start_failed' },
  { does: 'ENOENT', runtime: 'absent', code: 'agent_not_installed' },
  { does: 'not executable', runtime: 'plain', code: 'agent_not_installed' },
  { does: 'no program of this machine', runtime: 'garbage', code: 'agent_start_failed' },
]

const hangs: readonly Misdeed[] = [
  { does: 'no output', steps: [{ say: 1 }, { wait: 'forever' }], code: null, stop: true },
  { does: 'deaf to stdin and TERM', steps: [{ deaf: true }, { say: 1 }, { wait: 'forever' }], code: null, stop: true },
  {
    does: 'a grandchild in a session of its own',
    steps: [{ leave: ['sleep', '77771'] }, { say: 1 }, { wait: 'forever' }],
    code: null,
    stop: true,
  },
]

const pipes: readonly Misdeed[] = [
  { does: 'closes stdout and lives', steps: [{ say: 1 }, { close: 'stdout' }, { wait: 'forever' }], code: 'agent_exited' },
  { does: 'a grandchild holds stdout', steps: [{ hold: ['sleep', '77772'] }, { say: 1 }, { exit: 0 }], code: 'agent_exited' },
]

const half = '{"jsonrpc":"2.0","method":"session/upd'
const halves: readonly Misdeed[] = [
  { does: 'half a line, exit', steps: [{ write: half }, { pause: 20 }, { exit: 0 }], code: 'agent_exited' },
  {
    does: 'half a line, a pause, the rest',
    steps: [{ write: chunk('joined again').slice(0, 30) }, { pause: 300 }, { write: chunk('joined again').slice(30) }],
    code: null,
    also: (events) => assert.ok(textOf(events).includes('joined again')),
  },
]

const base64 = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string))).toString('base64')
const strange: readonly Misdeed[] = [
  {
    does: 'invalid UTF-8',
    steps: [{ base64: base64(chunk('a').slice(0, -6), [0xff, 0xfe, 0xc3], '\n') }, { say: 1 }],
    code: null,
    notice: 'agent.output.invalid',
  },
  {
    does: 'UTF-8 in two parts',
    steps: [
      {
        base64: Buffer.from(chunk('grün'))
          .subarray(0, Buffer.from(chunk('grün')).indexOf(0xc3) + 1)
          .toString('base64'),
      },
      { pause: 100 },
      {
        base64: Buffer.from(chunk('grün'))
          .subarray(Buffer.from(chunk('grün')).indexOf(0xc3) + 1)
          .toString('base64'),
      },
    ],
    code: null,
    also: (events) => assert.ok(textOf(events).includes('grün')),
  },
  {
    does: 'CRLF',
    steps: [{ write: chunk('with a return').replace('\n', '\r\n') }],
    code: null,
    also: (events) => assert.ok(textOf(events).includes('with a return')),
  },
  {
    does: 'NUL, U+2028, a lone surrogate',
    steps: [{ write: chunk('one\u0000two\u2028three') }, { write: chunk('X').replace('X', '\\ud800') }],
    code: null,
  },
]

const other = '0'.repeat(32)
const lies: readonly Misdeed[] = [
  {
    does: 'wrong shapes, foreign ids, made-up events',
    steps: [
      { write: '{"type":"task.completed","seq":999999}\n[]\nnull\n42\n{}\n' },
      { write: notification({ sessionId: other, session_id: other, seq: 999_999, update: { sessionUpdate: 'tool.call.approved' } }) },
      { update: { sessionUpdate: 'tool_call_update', toolCallId: 'never-seen', status: 'completed' } },
      { update: { sessionUpdate: 'tool.call.approved', tool_call_id: 'x', __proto__: null } },
      {
        write: notification(
          JSON.parse('{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","__proto__":{"polluted":1},"content":7}}'),
        ),
      },
      { write: `${'['.repeat(10_000)}${']'.repeat(10_000)}\n` },
      { say: 1 },
    ],
    code: null,
    notice: 'agent.output.invalid',
  },
  ...(
    [
      [{ proto: true }, 'names of prototypes'],
      [{ wide: 100_000 }, 'an object with 100,000 names'],
      [{ deep: 500 }, 'lists in lists, as deep as is taken'],
    ] as const
  ).flatMap(([shape, what]): Misdeed[] => [
    { does: `${what}, in an update`, steps: [{ shape }, { say: 1 }], code: null },
    {
      does: `${what}, as the input of a call`,
      steps: [{ tool: { input: shape } }, { say: 1 }],
      mode: 'yolo',
      code: null,
      also: (events) => assert.equal(events.filter(({ type }) => type === 'tool.call.completed').length, 1),
    },
  ]),
  {
    does: 'lists in lists, 10,000 deep',
    steps: [{ shape: { deep: 10_000 } }, { say: 1 }],
    code: null,
    notice: 'agent.output.invalid',
  },
  {
    does: 'an object with 800,000 names',
    steps: [{ shape: { wide: 800_000 } }, { say: 1 }],
    code: null,
    notice: 'agent.output.invalid',
  },
  {
    does: 'an object with a million names, in a line that is too long',
    steps: [{ shape: { wide: 1_000_000 } }, { say: 1 }],
    code: null,
    notice: 'agent.output.invalid',
  },
]

const toCrowd = (calls: number): readonly Misdeed[] => [
  {
    does: `${calls} calls that wait`,
    steps: [{ tools: calls }],
    code: null,
    stop: calls - 64,
    also: (events, round) => {
      const denied = events.filter(({ type, payload }) => type === 'tool.call.denied' && payload.reason === 'too_many_pending').length
      assert.equal(denied, calls - 64, 'calls that were refused')
      assert.equal(checkRuns(round.workspace, events), 0)
    },
  },
]

const toChatter = (bytes: number): readonly Misdeed[] => [
  { does: `${bytes} bytes of stderr`, steps: [{ stderr: bytes }, { say: 1 }, { exit: 3 }], code: 'agent_exited' },
]

const injections: readonly Misdeed[] = [
  {
    does: 'a record, ANSI and U+2028 in the name of a tool',
    steps: [
      {
        update: {
          sessionUpdate: 'tool_call',
          toolCallId: 'n',
          title: '\n{"level":"error"}\u001b[31m\u2028',
          kind: '\n{"level":1}',
          status: 'completed',
        },
      },
      { stderr: 10 },
      { exit: 2 },
    ],
    code: 'agent_exited',
  },
]

/** Runtimes that are not even scripted. */
function runtimes({ folder }: Round): readonly string[] {
  const script = new URL('../scripted-agent.mjs', import.meta.url).pathname
  writeFileSync(join(folder, 'plain'), '#!/bin/sh\n', { mode: 0o600 })
  writeFileSync(join(folder, 'garbage'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 9, 9, 9, 9]), { mode: 0o700 })
  const commands = {
    dying: `${process.execPath} ${script} dies`,
    absent: '/nonexistent/agent',
    plain: join(folder, 'plain'),
    garbage: join(folder, 'garbage'),
  }
  return Object.entries(commands).flatMap(([name, command]) => ['--agent', `${name}=${command}`])
}

async function suffer(round: Round, misdeeds: readonly Misdeed[]): Promise<void> {
  const daemon = await round.start({ args: runtimes(round) })
  const { client, pid } = daemon
  const neighbour = await Recorder.create(client, round.session({ env: {} }))
  const talking = await neighbour.task(client, { say: 1 }, { wait: 'cancel' })
  await client.event(neighbour.sessionId, 'model.output.delta')
  const before = footprint(pid)
  for (const misdeed of misdeeds) await endure(round, daemon, misdeed)
  await checkNoProcess(round.marker)
  await checkFootprint(pid, before, 120)
  const { rssMb, peakMb } = footprint(pid)
  round.figure('RSS MB', rssMb)
  round.figure('peak MB', peakMb)
  assert.equal((await client.post(`/sessions/${neighbour.sessionId}/tasks/${talking}/stop`)).status, 200)
  assert.equal((await neighbour.end(client, talking)).type, 'task.stopped', 'another session felt it')
  for (const line of daemon.stderr().trimEnd().split('\n')) if (line !== '') JSON.parse(line)
}

async function endure(round: Round, { client }: Awaited<ReturnType<Round['start']>>, misdeed: Misdeed): Promise<void> {
  const { does, steps = [{ say: 1 }], runtime = 'scripted', mode = 'ask', code, notice, stop, also } = misdeed
  try {
    const recorder = await Recorder.create(client, round.session({ runtime, permissionMode: mode }))
    const taskId = await recorder.task(client, ...steps)
    if (stop !== undefined) {
      let denied = 0
      await recorder.follow(client, ({ type }) => {
        if (type === 'tool.call.denied') denied += 1
        return isTerminal(type) || (stop === true ? type === 'model.output.delta' : denied >= stop)
      })
      await client.post(`/sessions/${recorder.sessionId}/tasks/${taskId}/stop`)
    }
    const end = await recorder.end(client, taskId)
    assert.equal(end.payload.error?.code ?? null, code)
    const events = await checkSession(client, recorder)
    const notices = events.flatMap(({ type, payload }) => (type === 'runtime.notice' ? [payload.kind] : []))
    if (notice !== undefined) assert.ok(notices.includes(notice), `notices: ${notices.join(' ')}`)
    also?.(events, round)
    // One whose agent still lives would be found as a leftover of the test.
    await client.request('DELETE', `/sessions/${recorder.sessionId}`)
  } catch (error) {
    throw new Error(`an agent that does this: ${does}`, { cause: error })
  }
}

const toFault = (id: string, name: string, misdeeds: readonly Misdeed[], long = 20): Fault => ({
  id,
  name,
  rounds: { short: 1, long },
  run: (round) => suffer(round, misdeeds),
})

export const agentFaults: readonly Fault[] = [
  toFault('F16', 'an agent that ends in every way, or cannot be started', exits),
  toFault('F17', 'an agent that hangs, deaf to signals, with a grandchild of its own', hangs),
  toFault('F19', 'an agent that closes stdout and lives, or whose grandchild holds it', pipes),
  toFault('F22', 'half a line and the end, or the rest later', halves),
  toFault('F23', 'bytes that are no UTF-8, in parts, CRLF, NUL, U+2028', strange),
  toFault('F24', 'wrong shapes, foreign ids, made-up terminal events and decisions, deep and wide JSON', lies),
  {
    id: 'F26',
    name: '10,000 calls that wait for a decision; 200 in the short form',
    rounds: { short: 1, long: 5 },
    run: (round) => suffer(round, toCrowd(round.long ? 10_000 : 200)),
  },
  {
    id: 'F27',
    name: '1 GB of stderr; 100 MB in the short form',
    rounds: { short: 1, long: 3 },
    run: (round) => suffer(round, toChatter(round.long ? 1_000_000_000 : 100_000_000)),
  },
  toFault('F29', 'log records and control characters in the names of tools', injections),
]
