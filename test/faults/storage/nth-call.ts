import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { launch, Refused } from '../launch.ts'
import { createPlace, createSession, play, startTask, type Place } from './place.ts'
import { underStrace, type Injection } from './strace.ts'
import { isEnd, type Witness } from './witness.ts'

const errors = ['ENOSPC', 'EIO'] as const
const calls = ['pwrite64', 'fsync,fdatasync', 'pwrite64,write,ftruncate,fsync,fdatasync,rename', 'openat'] as const

/** Starts with the failing calls and works, as far as that goes; afterwards a start without them finds everything that was seen. */
async function work(place: Place, injection: Injection, witnesses: Witness[]): Promise<string> {
  try {
    await using daemon = await launch({ prefix: underStrace(injection), args: place.argsOf() })
    const witness = await createSession(daemon, place)
    witnesses.push(witness)
    const over = new AbortController()
    const following = witness.follow(daemon.client, isEnd, over.signal)
    await startTask(daemon.client, witness, { count: 60, bytes: 2_000 })
    const ended = await Promise.race([following, delay(1_500, false, { signal: over.signal })])
    over.abort()
    await following
    return ended ? 'worked' : 'held up'
  } catch (error) {
    if (!(error instanceof Refused)) {
      // An answer that was a refusal: nothing was acknowledged.
      if (error instanceof Error && /: 5\d\d /.test(error.message)) return 'refused work'
      throw error
    }
    const what = error.stderr.trimEnd()
    assert.ok([65, 69, 73].includes(Number(error.code)), `ended with ${error.code}: ${what}`)
    assert.match(what.split('\n').at(-1) ?? '', /^codesdkd: /)
    return 'refused to start'
  }
}

/** Errors at the nth call of a kind, once or from there on, in a daemon that has a past. */
export const nthCall: Fault = {
  id: 'F32',
  name: 'ENOSPC or EIO at the nth write, sync, rename or open of the daemon, once or from then on; killed, started anew',
  rounds: { short: 1, long: 200 },
  async run({ random, figure }) {
    await using place = await createPlace()
    const witnesses: Witness[] = []
    {
      await using before = await place.start()
      const old = await createSession(before, place)
      await play(before, old, { count: 20 })
      await old.follow(before.client, isEnd)
      witnesses.push(old)
      await before.end()
    }
    const nth = 1 + Math.floor(random() * 60)
    const injection: Injection = {
      calls: calls[Math.floor(random() * calls.length)] ?? 'pwrite64',
      error: errors[Math.floor(random() * errors.length)] ?? 'EIO',
      when: `${nth}${random() < 0.5 ? '+' : ''}`,
      paths: ['codesdkd.db', 'codesdkd.db-wal', 'hwm.json', 'tmp/hwm.json', 'ballast', 'lock.db', 'lock.json'].map(
        (name) => `${place.dataDir}/${name}`,
      ),
    }
    figure(`${injection.calls} ${injection.error} ${injection.when}`, await work(place, injection, witnesses))
    await using after = await place.start()
    for (const witness of witnesses) await witness.check(after.client)
    await play(after, await createSession(after, place), {})
  },
}
