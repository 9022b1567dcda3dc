import { setInterval, setTimeout } from 'node:timers/promises'
import type { Event } from '@codesdkd/protocol'
import { expect } from 'vitest'
import type { TestClient } from '../../harness/client.ts'
import type { Cell } from '../cell.ts'
import { decisions, first, ofType } from '../events.ts'
import { heard } from '../heard.ts'
import { openProxy, type LoggingProxy } from '../proxy.ts'
import { finish, play, waitingCalls, type Requested, type Round } from '../round.ts'
import { shell, type ToolInput } from '../script.ts'
import { outsideSockets } from '../sockets.ts'
import type { Stage } from '../stage.ts'
import type { SessionBody, Subject } from '../subject.ts'

/** How long an agent is watched after its task: telemetry and updates like to wait for a quiet moment. */
const quietMs = 3_000

/** What a command reaches for, to show that the proxy is heard of. */
const control = 'control.invalid'

export const network: readonly Cell[] = [
  {
    name: 'the agent and what it starts reach for nothing outside this machine, during a task and after it, even where all hosts are allowed',
    remark: expected,
    async run(stage) {
      await using proxy = await openProxy()
      // What the gate lets out goes on to the proxy of the machine.
      await using daemon = await stage.open([], proxy.env)
      const { events } = await playQuiet(stage, daemon.client, stage.session({ permissionMode: 'yolo', network: { allow: ['*'] } }))
      expectQuiet(stage, proxy)
      expect(denialsOf(events)).toEqual([])
      expect(ofType(events, 'runtime.notice').map(({ payload }) => payload.kind)).not.toContain('confinement_denied')
    },
  },
  {
    name: "without the daemon's sandbox: the agent and what it starts reach for nothing outside this machine, with a proxy or without",
    remark: expected,
    async run(stage) {
      await using proxy = await openProxy()
      await using daemon = await stage.open()
      using watch = watchSockets(stage.folder.path)
      await playQuiet(stage, daemon.client, stage.session({ sandbox: 'off', permissionMode: 'yolo', env: proxy.env }))
      expectQuiet(stage, proxy)
      // What takes no notice of a proxy shows in its sockets.
      expect([...watch.seen]).toEqual([])
    },
  },
  {
    name: 'auto and yolo: a host that is not allowed is denied unasked, the model hears why and the log says which; one that is allowed is reached',
    quick: true,
    async run(stage) {
      stage.script({
        fetch: [{ tools: [fetching(known)] }, { tools: [fetching(strange)] }, { text: 'One of two.' }],
        freely: [{ tools: [fetching(strange)] }, { text: 'None.' }],
      })
      await using proxy = await openProxy()
      await using daemon = await stage.open([], proxy.env)
      const first = await play(daemon.client, stage.session({ permissionMode: 'auto', network: { allow: [known] } }), 'fetch')
      const second = await play(daemon.client, first.session, 'freely', { task: { permissionMode: 'yolo' } })
      expect([first.end.type, second.end.type]).toEqual(['task.completed', 'task.completed'])
      for (const { events } of [first, second])
        expect(ofType(events, 'tool.call.requested').filter(({ payload }) => payload.gate !== undefined)).toEqual([])
      const refused = { kind: 'network', target: `${strange}:80`, reason: expect.stringContaining('not allowed'), source: 'sandbox' }
      expect([denialsOf(first.events), denialsOf(second.events)]).toEqual([[refused], [refused]])
      expect(heard(stage.model, `Host ${strange} is not allowed in this session`, { leg: 2 })).toBe(true)
      expect(new Set(proxy.asked)).toEqual(new Set([known]))
    },
  },
  {
    name: 'ask: a host that is not allowed waits for a person, as a call of its own; what she says for the session is not asked again',
    quick: true,
    async run(stage) {
      stage.script({
        fetch: [{ tools: [fetching(known)] }, { tools: [fetching(strange)] }, { text: 'One of two.' }],
        again: [{ tools: [fetching(known)] }, { text: 'As before.' }],
      })
      await using proxy = await openProxy()
      await using daemon = await stage.open([], proxy.env)
      const { client } = daemon
      const session = await client.createSession(stage.session())
      const task = await client.startTask(session.session_id, 'fetch')
      const isKnown = ({ payload }: Requested) => JSON.stringify(payload.input).includes(known)
      const decide = (call: Requested) => (call.payload.gate === undefined ? null : isKnown(call) ? 'leave' : 'Not there.')
      const ended = finish(client, session, task, decide)
      const connecting = first((await waitingCalls(client, session, 2)).filter(({ payload }) => payload.gate === 'network'))
      expect(connecting.payload).toMatchObject({ name: 'network', kind: 'fetch', gate: 'network', input: { host: known, port: 80 } })
      expect(proxy.asked).toEqual([])
      expect((await client.approve(connecting, { remember: 'session' })).status).toBe(200)
      const { end, events } = await ended
      expect(end.type).toBe('task.completed')
      expect(decisions(events).filter((one) => one.startsWith('Connect to '))).toEqual([
        `Connect to ${known}:80: approved by user (person)`,
        `Connect to ${strange}:80: denied by user (person)`,
      ])
      expect(denialsOf(events)).toMatchObject([{ kind: 'network', target: `${strange}:80`, source: 'sandbox' }])
      expect(heard(stage.model, 'Not there.', { leg: 2 })).toBe(true)
      const again = await play(client, session, 'again', {
        decide: ({ payload }) => (payload.gate === undefined ? null : expect.fail('asked again')),
      })
      expect(again.end.type).toBe('task.completed')
      expect(proxy.asked).toEqual([known, known])
    },
  },
]

const known = 'packages.invalid'
const strange = 'elsewhere.invalid'

/** Prints what came of it, also where it was refused. */
const fetching = (host: string): ToolInput => shell(`curl -sS http://${host}/`)

const denialsOf = (events: readonly Event[]) =>
  ofType(events, 'tool.call.completed').flatMap(({ payload }) => payload.confinement_denials ?? [])

/** A task whose command reaches for one host, and a while in which nothing is to be done. */
async function playQuiet(stage: Stage, client: TestClient, session: SessionBody): Promise<Round> {
  stage.script({ work: [{ tools: [fetching(control)] }, { text: 'Nobody there.' }] })
  const round = await play(client, session, 'work')
  expect(round.end.type).toBe('task.completed')
  await setTimeout(quietMs)
  return round
}

function expectQuiet({ subject }: Stage, { asked }: LoggingProxy): void {
  // Whoever asks is seen: the command is.
  expect(asked).toContain(control)
  const allowed = [control, ...subject.outsideConnections.map(({ host }) => host)]
  expect(asked.filter((target) => !allowed.some((host) => target === host || target.startsWith(`${host}:`)))).toEqual([])
}

/** Looks at the sockets of the stage again and again, until it is disposed. */
function watchSockets(folder: string): { readonly seen: ReadonlySet<string> } & Disposable {
  const seen = new Set<string>()
  const over = new AbortController()
  const look = async () => {
    for await (const _ of setInterval(25, undefined, { signal: over.signal }))
      for (const remote of await outsideSockets(folder)) seen.add(remote)
  }
  look().catch(() => {})
  return { seen, [Symbol.dispose]: () => over.abort() }
}

function expected({ outsideConnections }: Subject): string | null {
  if (outsideConnections.length === 0) return null
  return `but for ${outsideConnections.map(({ host, reason }) => `${host} (${reason})`).join(', ')}`
}
