import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { killMarked, sweepLeftovers } from './leftovers.ts'

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
const startTimeOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? ''

async function start(mark: string | null): Promise<{ readonly pid: number; readonly ended: Promise<unknown>; stop(): void }> {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: mark === null ? {} : { CODESDKD_PROCESS: mark } })
  const ended = once(child, 'exit')
  await once(child, 'spawn')
  // Until it has become `sleep`, its environment is still this process's own.
  while (!readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('sleep')) await new Promise((resolve) => setImmediate(resolve))
  return { pid: child.pid ?? 0, ended, stop: () => child.kill('SIGKILL') }
}

const alive = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z'
const mark = (name: string) => `leftovers-test-${process.pid}-${name}`

test('ends a recorded group that is still the same', async () => {
  const left = await start(null)
  expect(await sweepLeftovers([{ pid: left.pid, startTime: startTimeOf(left.pid), bootId, mark: mark('none') }])).toEqual([left.pid])
  await left.ended
})

test('leaves a process alone that only has the same pid, or is of another boot', async () => {
  const other = await start(null)
  const ended = await sweepLeftovers([
    { pid: other.pid, startTime: '1', bootId, mark: mark('none') },
    { pid: other.pid, startTime: startTimeOf(other.pid), bootId: 'another', mark: mark('none') },
  ])
  expect(ended).toEqual([])
  expect(alive(other.pid)).toBe(true)
  other.stop()
})

test('ends strays by their whole mark', async () => {
  const [stray, longer] = [await start(mark('1')), await start(mark('10'))]
  expect(await sweepLeftovers([{ pid: 999_999_999, startTime: '1', bootId, mark: mark('1') }])).toEqual([stray.pid])
  await stray.ended
  expect(alive(longer.pid)).toBe(true)
  expect(await killMarked('CODESDKD_PROCESS', mark('10'), { OTHER: 'mark' })).toEqual([])
  expect(alive(longer.pid)).toBe(true)
  expect(await killMarked('CODESDKD_PROCESS', mark('10'))).toEqual([longer.pid])
  expect(await killMarked('CODESDKD_PROCESS', mark('10'))).toEqual([])
})
