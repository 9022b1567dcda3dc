import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Fault } from '../fault.ts'
import { launch, refusedStart } from '../launch.ts'
import { createPlace, createSession, play } from './place.ts'

const run = promisify(execFile)
/** Nobody. Only root may become somebody else. */
const stranger = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] as const

const twoDaemons: Fault = {
  id: 'F35',
  name: 'a second daemon on the data directory: of one that lives, is stopped by a signal, was killed, left a pid that is another process now',
  rounds: { short: 1, long: 20 },
  async run() {
    await using place = await createPlace()
    await using first = await place.start()
    const witness = await createSession(first, place)
    await play(first, witness, { count: 5 })
    const refused = async () => {
      const { code, stderr } = await refusedStart({ args: place.argsOf() })
      assert.equal(code, 75, stderr)
      assert.match(stderr, new RegExp(`in use by process ${first.pid}\\b`))
    }
    await refused()
    process.kill(first.pid, 'SIGSTOP')
    try {
      await refused()
    } finally {
      process.kill(first.pid, 'SIGCONT')
    }
    await play(first, witness, { count: 5 })
    await first.end('SIGKILL')
    // Its note stays behind, and names a process that lives: this one.
    writeFileSync(join(place.dataDir, 'lock.json'), JSON.stringify({ pid: process.pid }))
    await using next = await place.start()
    await witness.check(next.client)
  },
}

/** Things that lie where the daemon would put its own: name -> what was there before it came. */
const planted: Readonly<Record<string, (path: string, elsewhere: string) => void>> = {
  'codesdkd.db': (path, elsewhere) => symlinkSync(join(elsewhere, 'db'), path),
  'lock.db': (path, elsewhere) => symlinkSync(join(elsewhere, 'lock'), path),
  'lock.json': (path, elsewhere) => symlinkSync(join(elsewhere, 'note'), path),
  'hwm.json': (path, elsewhere) => symlinkSync(join(elsewhere, 'mark'), path),
  ballast: (path, elsewhere) => symlinkSync(join(elsewhere, 'ballast'), path),
  tmp: (path, elsewhere) => symlinkSync(elsewhere, path),
  artifacts: (path, elsewhere) => symlinkSync(elsewhere, path),
}

const plantedNames: Fault = {
  id: 'F45',
  name: 'links that lie where the daemon puts its files; a data directory that is a link, of another user, or that others may write',
  rounds: { short: 1, long: 5 },
  async run() {
    for (const [name, plant] of Object.entries(planted)) {
      await using place = await createPlace()
      const elsewhere = join(place.path, 'elsewhere')
      mkdirSync(elsewhere)
      writeFileSync(join(elsewhere, 'canary'), 'untouched')
      mkdirSync(place.dataDir, { mode: 0o700 })
      plant(join(place.dataDir, name), elsewhere)
      try {
        await using daemon = await launch({ args: place.argsOf() })
        await play(daemon, await createSession(daemon, place), { count: 3 })
        await daemon.end()
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && (error.code === 73 || error.code === 65), String(error))
      }
      assert.deepEqual(readdirSync(elsewhere), ['canary'], `${name}: something was written through the link`)
      assert.equal(readFileSync(join(elsewhere, 'canary'), 'utf8'), 'untouched')
    }
    await using place = await createPlace()
    mkdirSync(join(place.path, 'real'), { mode: 0o700 })
    symlinkSync(join(place.path, 'real'), place.dataDir)
    assert.equal((await refusedStart({ args: place.argsOf() })).code, 73)
    await using open = await createPlace()
    mkdirSync(open.dataDir)
    chmodSync(open.dataDir, 0o777)
    assert.equal((await refusedStart({ args: open.argsOf() })).code, 73)
  },
}

const strangers: Fault = {
  id: 'F47',
  name: 'another user of the machine at the port and at the socket',
  rounds: { short: 1, long: 5 },
  async run({ skip }) {
    if (process.getuid?.() !== 0) skip('only root may become another user')
    await using place = await createPlace()
    chmodSync(place.path, 0o755)
    const ask = async (args: readonly string[]) => {
      const [command, ...rest] = [...stranger, 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', ...args]
      return run(command, rest).then(
        ({ stdout }) => stdout,
        (error: { stderr: string }) => error.stderr,
      )
    }
    {
      await using daemon = await place.start()
      assert.equal(await ask([`${daemon.client.url}/sessions`]), '403')
      assert.equal(await ask(['-X', 'POST', '-d', '{}', `${daemon.client.url}/sessions`]), '403')
      assert.equal((await daemon.client.get('/sessions')).status, 200)
      await daemon.end()
    }
    const socket = join(place.path, 'door', 'socket')
    mkdirSync(join(place.path, 'door'), { mode: 0o700 })
    await using _daemon = await place.start({ args: ['--listen', `unix:${socket}`] })
    assert.match(await ask(['--unix-socket', socket, 'http://localhost/sessions']), /Permission denied|Couldn't connect/i)
  },
}

const readyLine: Fault = {
  id: 'F54',
  name: 'the first request at once after the ready line',
  // test/lifecycle/start.test.ts has 20 starts.
  rounds: { short: 0, long: 100 },
  async run() {
    await using place = await createPlace()
    await using daemon = await place.start()
    assert.equal((await daemon.client.get('/health')).status, 200)
  },
}

export const doorFaults: readonly Fault[] = [twoDaemons, plantedNames, strangers, readyLine]
