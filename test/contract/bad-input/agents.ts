import { expect } from 'vitest'
import type { Row } from './target.ts'

const ask = (way: string) =>
  `${way} node -e "fetch(process.env.DAEMON_URL + '/approvals').then((r) => r.text()).then(console.log, (e) => console.log(String(e.cause)))"`

/** What an agent's shell tries, one after the other; the last one asks when its agent is gone. */
export const agentScenario = {
  name: 'turncoat',
  prompt: 'call the daemon',
  legs: [
    {
      tools: [
        {
          tool: 'shell' as const,
          command: [ask(''), ask('setsid --wait'), `(${ask('setsid --fork')} > later.txt 2>&1) < /dev/null`, 'sleep 1'].join('; '),
        },
      ],
    },
    { text: 'I tried.' },
  ],
}

/** An agent must not approve its own calls. */
export const agentRows: readonly Row[] = [
  {
    id: 'F48',
    name: "an agent's shell that calls the daemon",
    async check({ open, stage }) {
      const { session_id } = await open.client.createSession(
        stage.session({ permissionMode: 'yolo', env: { DAEMON_URL: open.client.url } }),
      )
      await open.client.finish(await open.client.startTask(session_id, 'call the daemon'))
      const { payload } = await open.client.event(session_id, 'tool.call.completed')
      // Either it reaches the daemon and is refused, or its sandbox has no way to it.
      const heard = [...payload.result_preview.trim().split('\n'), ((await stage.folder.read('later.txt')) ?? '').trim()]
      expect(heard).toHaveLength(3)
      for (const line of heard) expect(line).toMatch(/"error":"agent_not_allowed"|ECONNREFUSED|EPERM|ENETUNREACH/)
    },
  },
]
