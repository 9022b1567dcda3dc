import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { TestClient } from '../../harness/client.ts'
import { until } from '../../lifecycle/testing/processes.ts'
import type { Fault } from '../fault.ts'
import { createPlace, createSession, startTask } from './place.ts'
import { isEnd } from './witness.ts'

/** Debian puts it where only root's PATH leads. */
const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx'].find((path) => existsSync(path))

async function findPort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

/** nginx as it comes: it buffers what it passes on, and speaks HTTP/1.0 to what stands behind it unless it is told otherwise. */
const toConfiguration = (place: string, port: number, target: string) => `
daemon off; master_process off; pid ${place}/pid; error_log ${place}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${place}/body; proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/fastcgi; uwsgi_temp_path ${place}/uwsgi; scgi_temp_path ${place}/scgi;
  server {
    listen 127.0.0.1:${port};
    location /agents/ { proxy_pass ${target}/agents/; proxy_http_version 1.1; proxy_set_header Host hub.example; }
  }
}`

/** A real nginx in front of a daemon that is shown under \`/agents\` and another name. */
async function openProxy(directory: string, target: string): Promise<{ readonly url: string } & AsyncDisposable> {
  assert.ok(nginx !== undefined, 'there is no nginx: npm run tools')
  mkdirSync(directory)
  const port = await findPort()
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, toConfiguration(directory, port, target))
  const child = spawn(nginx, ['-p', directory, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'exit')
  const url = `http://127.0.0.1:${port}/agents`
  await until(
    'nginx answers',
    async () =>
      child.exitCode !== null ||
      (await fetch(`${url}/livez`).then(
        () => true,
        () => false,
      )),
  )
  assert.equal(child.exitCode, null, 'nginx has ended')
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGQUIT')
      const late = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await gone
      clearTimeout(late)
    },
  }
}

export const proxyFault: Fault = {
  id: 'F52',
  name: 'a stream through a real nginx that buffers, under another name and path, cut off 100 times (short: 10) in the middle',
  rounds: { short: 1, long: 3 },
  async run({ random, long, figure }) {
    await using place = await createPlace()
    await using daemon = await place.start({ args: ['--allow-host', 'hub.example', '--base-path', '/agents'] })
    await using proxy = await openProxy(join(place.path, 'nginx'), daemon.client.url)
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
