import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { OfflineModelOptions } from '@codesdkd/offline-model'
import { createStage } from '../harness/daemon.ts'

/** What an agent could run to approve its own calls: reads the URL from a file, writes down what it was told. */
const caller = `
import { readFileSync, writeFileSync } from 'node:fs'
const url = readFileSync('url.txt', 'utf8')
const answers = []
for (const [method, path] of [['GET', '/approvals'], ['POST', '/sessions'], ['GET', '/events?stream=1']]) {
  answers.push(await fetch(url + path, { method }).then(async (answer) => [answer.status, (await answer.json()).error], (error) => [0, error.cause?.code]))
}
writeFileSync(process.argv[2], JSON.stringify(answers))
`
const node = `'${process.execPath}'`
// The second one runs on after its parents are gone, in a session and process group of its own.
const ways = {
  child: `${node} call.mjs child.json`,
  stray: `setsid sh -c "${node} call.mjs stray.tmp && mv stray.tmp stray.json &" < /dev/null; until [ -e stray.json ]; do sleep 0.05; done`,
}
const scenarios: OfflineModelOptions['scenarios'] = Object.entries(ways).map(([name, command]) => ({
  name,
  prompt: name,
  legs: [{ tools: [{ tool: 'shell', command }] }, { text: 'done' }],
}))

describe.concurrent('an agent without any confinement', () => {
  test.each(['same-user', 'none'])(
    'is refused by the daemon that started it, also as a stray: --auth %s',
    { timeout: 60_000 },
    async (auth) => {
      await using stage = await createStage(scenarios)
      await using daemon = await stage.start(['--auth', auth, '--sandbox', 'off'])
      const { client } = daemon
      writeFileSync(join(stage.folder.workspace, 'call.mjs'), caller)
      writeFileSync(join(stage.folder.workspace, 'url.txt'), client.url)
      const session = await client.createSession(stage.session({ permissionMode: 'yolo' }))
      for (const way of Object.keys(ways)) {
        expect((await client.finish(await client.startTask(session.session_id, way))).type).toBe('task.completed')
        expect(JSON.parse((await stage.folder.read(`${way}.json`)) ?? 'null'), way).toEqual([
          [403, 'agent_not_allowed'],
          [403, 'agent_not_allowed'],
          [403, 'agent_not_allowed'],
        ])
      }
      expect((await client.get('/sessions')).body.sessions).toHaveLength(1)
    },
  )
})
