import { readdirSync, readlinkSync } from 'node:fs'
import { eachLine } from './testing/each-line.ts'
import { describe, expect, test } from 'vitest'
import { Ground } from '../sandbox/testing/walled.ts'
import { findProgram, readStat } from './process-stat.ts'
import { openProcess } from './process.ts'
import type { AgentProcess } from './process.ts'

/** Processes that leave everything behind by which they are known as the agent's, and are busy enough to be late in dying. */
const strays = "i=0; while [ $i -lt 60 ]; do setsid env -i sh -c 'while :; do :; done' & i=$((i + 1)); done"

/** Pids of what lives in the process namespace of this one. */
async function findInside(space: string): Promise<readonly string[]> {
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && toSpace(pid) === space)
  const stats = pids.map((pid) => readStat(Number(pid)))
  // Whose parent has died may wait a while for somebody to take note of its end.
  return pids.filter((_, index) => (stats[index]?.state ?? 'Z') !== 'Z')
}

function toSpace(pid: number | string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return ''
  }
}

async function open(ground: Ground, script: string): Promise<AgentProcess> {
  const { program, args, cwd, env, depth } = ground.enclose(ground.command(script))
  const ledger = { started: () => {}, ended: () => {} }
  return await openProcess({ executable: program, args, cwd, env, depth, mark: 'walled', ledger, stopGraceMs: 2000 })
}

describe.runIf(process.platform === 'linux')('an agent behind the wall', () => {
  test.each([
    ['asked to end', 'exec sleep 600'],
    ['killed, as it does not listen', "trap '' TERM; while :; do sleep 600 & wait; done"],
    ['ended by itself', 'read line'],
  ])('nothing of it is left when it is disposed of: %s', async (how, end) => {
    using ground = new Ground()
    const agent = await open(ground, `${strays}; echo up; ${end}`)
    for await (const { text } of eachLine(agent.lines)) if (text === 'up') break
    const space = toSpace((await findProgram(agent.pid, 1)) ?? 0)
    expect((await findInside(space)).length).toBeGreaterThan(60)
    if (how === 'ended by itself') {
      agent.write('end')
      await agent.ended
    }
    await agent[Symbol.asyncDispose]()
    expect(await findInside(space)).toEqual([])
  })
})
