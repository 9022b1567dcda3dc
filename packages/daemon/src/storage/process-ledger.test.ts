import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openSample, sampleAppend, temporaryDirectory } from './testing/samples.ts'

test('what was started and not seen to end is left over for the next run', async () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path, { bootId: 'boot' })
    const waiting = storage.log.append(sampleAppend('s', 1))
    storage.processes.started({ pid: process.pid, mark: 'mine' })
    storage.processes.started({ pid: process.ppid, mark: 'ended' })
    storage.processes.ended(process.ppid)
    expect(storage.processes.leftovers()).toEqual([])
    await waiting
  }
  using storage = openSample(directory.path, { bootId: 'later boot' })
  expect(storage.processes.leftovers()).toMatchObject([{ pid: process.pid, bootId: 'boot', mark: 'mine' }])
})

test('a process of this run is told from a leftover with the same id', () => {
  using directory = temporaryDirectory()
  const marks = (change: (processes: ReturnType<typeof openSample>['processes']) => void) => {
    using storage = openSample(directory.path)
    change(storage.processes)
    return storage.processes.leftovers().map(({ mark }) => mark)
  }
  const pid = process.pid
  expect(marks((processes) => processes.started({ pid, mark: 'first' }))).toEqual([])
  expect(marks((processes) => processes.started({ pid, mark: 'second' }))).toEqual(['first'])
  expect(marks((processes) => processes.ended(pid))).toEqual(['first', 'second'])
  expect(
    marks((processes) => {
      processes.clear()
      processes.started({ pid, mark: 'third' })
      processes.started({ pid: 1, mark: 'fourth' })
      processes.ended(pid)
    }),
  ).toEqual(['first', 'second'])
  expect(marks((processes) => processes.clear())).toEqual(['fourth'])
  expect(marks(() => {})).toEqual([])
})

test.runIf(process.platform === 'linux')('the start of a process is noted as the kernel has it', () => {
  using directory = temporaryDirectory()
  {
    using storage = openSample(directory.path)
    storage.processes.started({ pid: process.pid, mark: 'mine' })
    storage.processes.started({ pid: 2 ** 30, mark: 'gone already' })
  }
  using storage = openSample(directory.path)
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ')
  expect(storage.processes.leftovers().map(({ startTime }) => startTime)).toEqual([fields?.[19], null])
  expect(storage.processes.leftovers()[0]?.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
})

test('a database that is gone fails nobody', () => {
  using directory = temporaryDirectory()
  const storage = openSample(directory.path)
  storage[Symbol.dispose]()
  storage.processes.started({ pid: process.pid, mark: 'late' })
  storage.processes.ended(process.pid)
  expect(storage.processes.leftovers()).toEqual([])
})
