import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { TestClient } from '../../harness/client.ts'
import { openNginx } from '../../harness/nginx.ts'
import type { Fault } from '../fault.ts'
import { createPlace, createSession, startTask } from './place.ts'
import { isEnd } from './witness.ts'

export const proxyFault: Fault = {
  id: 'F52',
  name: 'a stream through a real nginx that buffers, under another name and path, cut off 100 times (short: 10) in the middle',
  rounds: { short: 1, long: 3 },
  async run({ random, long, figure }) {
    await using place = await createPlace()
    await using daemon = await place.start({ args: ['--allow-host', 'hub.example', '--base-path', '/agents'] })
    // As nginx comes: it buffers what it passes on, and speaks HTTP/1.0 to what stands behind it unless it is told otherwise.
    await using proxy = await openNginx(join(place.path, 'nginx'), {
      server: `location /agents/ { proxy_pass ${daemon.client.url}/agents/; proxy_http_version 1.1; proxy_set_header Host hub.example; }`,
    })
    const through = new TestClient(proxy.url)
    const witness = await createSession(daemon, place)
    const begun = performance.now()
    for await (const { event } of through.frames(`/sessions/${witness.sessionId}/events`)) {
      assert.equal(event, 'ready')
      break
    }
    figure('first frame ms', Math.round(performance.now() - begun))
    await startTask(through, witness, { count: long ? 3_000 : 300, bytes: 500, pause: 2 })
    let ended = false
    let cuts = 0
    while (!ended) {
      const cut = new AbortController()
      const following = witness.follow(through, isEnd, cut.signal)
      if (cuts < (long ? 100 : 10)) {
        await delay(5 + 60 * random())
        cut.abort()
        cuts += 1
      }
      ended = await following
    }
    figure('cut', cuts)
    await witness.check(daemon.client)
    await witness.check(through)
  },
}
