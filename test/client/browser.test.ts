import { expect, test } from 'vitest'
import { launchBrowser } from '../harness/browser.ts'
import { createStage } from '../harness/daemon.ts'
import { createPageServer } from './testing/page-server.ts'

const scenarios = [
  {
    name: 'touch',
    prompt: 'touch',
    legs: [{ tools: [{ tool: 'shell' as const, command: 'touch touched.txt' }] }, { text: 'It is there.' }],
  },
]

test(
  'the client runs in a real browser as it is: a task, an approval, a stream over a kill of the daemon',
  { timeout: 90_000 },
  async () => {
    await using server = await createPageServer()
    await using stage = await createStage(scenarios)
    const args = ['--base-path', '/codesdkd', '--allow-host', server.host, '--allow-origin', server.origin, '--log-level', 'silent']
    let daemon = await stage.start(args)
    server.aim(daemon.client.url)
    const browser = await launchBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(server.origin)
      // What runs in the page is text: its modules are found there, not here.
      const result = await page.evaluate(`(async () => {
      const { createClient } = await import('@codesdkd/client')
      window.client = createClient({ url: '/codesdkd' })
      const { session_id } = await client.createSession(${JSON.stringify(stage.session())})
      window.seen = []
      window.phases = []
      void (async () => {
        for await (const { seq } of client.follow(session_id, { onConnection: ({ phase }) => phases.push(phase) })) seen.push(seq)
      })()
      return client.runTask({ sessionId: session_id, messages: 'touch', onApproval: () => ({ decision: 'approve' }) })
    })()`)
      expect(result).toMatchObject({ status: 'completed', text: 'It is there.', receipt: { approvals: { by_user: 1 } } })
      expect(await stage.folder.read('touched.txt')).toBe('')

      const { session_id } = result as { session_id: string }
      await daemon.end('SIGKILL')
      await page.waitForFunction(`phases.at(-1) === 'lost'`)
      daemon = await stage.start(args)
      server.aim(daemon.client.url)
      await page.evaluate(`client.updateSession('${session_id}', { title: 'after' })`)
      const stored = await daemon.client.events(session_id)
      await page.waitForFunction(`seen.length >= ${stored.length}`)
      expect(await page.evaluate('seen')).toEqual(stored.map(({ seq }) => seq))
    } finally {
      await browser.close()
      await daemon.end()
    }
  },
)
