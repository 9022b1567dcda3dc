import { expect } from 'vitest'
import type { Event } from '@codesdkd/protocol'
import * as model from './model.ts'
import { expectAnswer, pick, there, type Step } from './step.ts'
import type { World } from './world.ts'

export const kill: Step = (all) => ({
  words: 'kill -9 the daemon, and start it again',
  async run(world) {
    await world.restart('SIGKILL')
    model.crash(all)
    return all.sessions
  },
})

export const restart: Step = (all) => ({
  words: 'end the daemon with SIGTERM, and start it again',
  async run(world) {
    await world.restart('SIGTERM')
    model.restart(all)
    return all.sessions
  },
})

/** From any place of its log a session tells the rest of what was seen, streamed and by pages, whole or filtered. */
export const resume: Step = (all, [die, where = 0, how = 0]) => {
  const session = pick(there(all), die)
  if (session === undefined) return null
  return {
    words: `resume ${session.name} from place ${where}, ${['streamed', 'by pages', 'streamed and filtered'][how % 3]}`,
    async run(world) {
      await world.catchUp(session)
      const seen = world.seen(session)
      const from = where % (seen.length + 2)
      if (from > seen.length) await expectBeyond(world, world.path(session))
      else if (how % 3 === 1) {
        const { body } = await world.client.get(world.path(session, `/events?from_seq=${from}&limit=${1 + (where % 5)}`))
        const rest = seen.slice(from, from + 1 + (where % 5)).map((line) => JSON.parse(line))
        expect(body).toMatchObject({ events: rest, next_seq: from + rest.length, has_more: from + rest.length < seen.length })
      } else {
        const only = how % 3 === 0 ? '' : '&types=task.*,tool.call.approved'
        const fits = (line: string) => how % 3 === 0 || /^(task\.|tool\.call\.approved$)/.test((JSON.parse(line) as Event).type)
        expect(await replay(world, world.path(session, `/events?stream=1${only}`), from)).toEqual(seen.slice(from).filter(fits))
      }
      return []
    },
  }
}

async function expectBeyond(world: World, path: string): Promise<void> {
  const { last_seq } = (await world.client.get(path)).body
  expectAnswer(await world.client.get(`${path}/events?after_seq=${last_seq + 1}`), 409, 'cursor_ahead')
  const ending = new AbortController()
  for await (const { event, data } of world.client.frames(`${path}/events`, {
    headers: { 'last-event-id': String(last_seq + 1) },
    signal: ending.signal,
  })) {
    if (event !== 'resync') continue
    expect(JSON.parse(data)).toMatchObject({ last_seq, reason: 'cursor_ahead' })
    break
  }
  ending.abort()
}

async function replay(world: World, path: string, from: number): Promise<readonly string[]> {
  const lines: string[] = []
  for await (const { event, data } of world.client.frames(path, { headers: { 'last-event-id': String(from) } })) {
    if (event === 'caught_up') break
    if (event === undefined) lines.push(data)
  }
  return lines
}
