import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createBubblewrap } from './bubblewrap.ts'
import { findProcessGroups } from './cgroup.ts'
import { Ground, relay } from './testing/walled.ts'

const groups = findProcessGroups({ most: 64 })

describe.skipIf(groups === null)('where groups can be made', () => {
  function enclosed(ground: Ground, script: string) {
    const wall = createBubblewrap({ bwrap: '/usr/bin/bwrap', relay, home: '/nonexistent', groups })
    return { wall, command: wall.enclose(ground.command(script), ground.place()) }
  }

  test('a fork bomb finds an end, whoever runs it, and its group goes', async () => {
    using ground = new Ground()
    const { wall, command } = enclosed(ground, 'i=0; while [ $i -lt 100 ]; do sleep 600 & i=$((i+1)); done; echo forked')
    const group = String(command.args[1])
    const ended = await ground.run(command)
    expect(ended.stderr).toMatch(/fork/i)
    expect(ended.stdout).not.toContain('forked')
    wall.release(ground.place())
    // Processes that are still ending hold the group; whatever is released later takes it away.
    await vi.waitUntil(() => {
      groups?.release('another')
      return !existsSync(group)
    })
  })

  test('what needs fewer is not held back', async () => {
    using ground = new Ground()
    const { wall, command } = enclosed(ground, 'i=0; while [ $i -lt 30 ]; do sleep 600 & i=$((i+1)); done; echo forked; exit 7')
    expect(await ground.run(command)).toMatchObject({ code: 7, stdout: 'forked\n' })
    wall.release(ground.place())
  })

  test('what a daemon has left that was killed goes at the next start, what a living one has does not', async () => {
    const held = String(groups?.open('held'))
    const killed = spawn('/bin/true')
    await once(killed, 'exit')
    const left = join(dirname(held), `codesdkd-${killed.pid}-0123456789abcdef`)
    mkdirSync(left)
    findProcessGroups({ most: 64 })
    expect([existsSync(left), existsSync(held)]).toEqual([false, true])
    groups?.release('held')
    expect(existsSync(held)).toBe(false)
  })

  test('a group that is gone ends the start', async () => {
    using ground = new Ground()
    const { wall, command } = enclosed(ground, 'echo REACHED')
    wall.release(ground.place())
    expect(await ground.run(command)).toMatchObject({ code: 125, stdout: '' })
  })
})

describe('no groups are made', () => {
  const hierarchy = (ground: Ground, path: string, members: string) => {
    mkdirSync(join(ground.outside, path), { recursive: true })
    writeFileSync(join(ground.outside, path, 'cgroup.procs'), members)
    return { most: 64, mounted: ground.outside, own: `4:memory:/\n8:pids:${path}\n0::/\n` }
  }

  test.each([
    ['in a group that holds others', '/of/another', `1\n${process.pid}\n`, 0],
    ['in the root by an ordinary user', '/', `1\n${process.pid}\n`, 1000],
    ['in what is no control group', '/', '', 0],
    ['where it is alone in what is no control group', '/own', `${process.pid}\n`, 1000],
  ])('%s', (_, path, members, user) => {
    using ground = new Ground()
    expect(findProcessGroups({ ...hierarchy(ground, path, members), user })).toBe(null)
  })

  test('without a hierarchy that counts processes', () => {
    expect(findProcessGroups({ most: 64, own: '0::/user.slice\n', user: 0 })).toBe(null)
  })
})
