import { setInterval, setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Cell } from '../cell.ts'
import { play } from '../round.ts'
import { openProxy } from '../proxy.ts'
import { shell } from '../script.ts'
import { outsideSockets } from '../sockets.ts'
import type { Subject } from '../subject.ts'

/** How long an agent is watched after its task: telemetry and updates like to wait for a quiet moment. */
const quietMs = 3_000

/** What a command asks for, to show that the proxy is heard of. */
const control = 'control.invalid'

export const network: readonly Cell[] = [
  {
    name: 'the agent and what it starts reach for nothing outside this machine, during a task and after it',
    remark: expected,
    async run(stage) {
      stage.script({ work: [{ tools: [shell(`curl -s http://${control}/`)] }, { text: 'Nobody there.' }] })
      await using proxy = await openProxy()
      await using daemon = await stage.open()
      using watch = watchSockets(stage.folder.path)
      const { end } = await play(daemon.client, stage.session({ permissionMode: 'yolo', env: proxy.env }), 'work')
      expect(end.type).toBe('task.completed')
      await setTimeout(quietMs)
      // Whoever asks is seen: the command is.
      expect(proxy.asked).toContain(control)
      const allowed = [control, ...stage.subject.outsideConnections.map(({ host }) => host)]
      expect(proxy.asked.filter((target) => !allowed.some((host) => target === host || target.startsWith(`${host}:`)))).toEqual([])
      // What takes no notice of a proxy shows in its sockets.
      expect([...watch.seen]).toEqual([])
    },
  },
]

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
