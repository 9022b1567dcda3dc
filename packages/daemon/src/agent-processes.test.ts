import { expect, test } from 'vitest'
import { createAgentProcesses } from './agent-processes.ts'

function recorder() {
  const calls: string[] = []
  const ledger = {
    started: ({ pid, mark }: { pid: number; mark: string }) => void calls.push(`+${pid} ${mark}`),
    ended: (pid: number) => void calls.push(`-${pid}`),
  }
  return { calls, processes: createAgentProcesses(ledger) }
}

test('the ledger on disk hears of every start and end', () => {
  const { calls, processes } = recorder()
  processes.started({ pid: 7, mark: 'a' })
  processes.ended(7)
  processes.ended(8)
  expect(calls).toEqual(['+7 a', '-7', '-8'])
})

test('an ended agent is known by its mark alone: its number may belong to anybody by now', () => {
  const { processes } = recorder()
  processes.started({ pid: 7, mark: 'a' })
  processes.started({ pid: 8, mark: 'b' })
  processes.ended(7)
  expect(processes.known()).toEqual([
    { pid: 8, mark: 'b' },
    { pid: null, mark: 'a' },
  ])
  processes.started({ pid: 7, mark: 'c' })
  expect(processes.known()).toContainEqual({ pid: 7, mark: 'c' })
})

test('only the last 256 ended agents are remembered; the living ones always are', () => {
  const { processes } = recorder()
  processes.started({ pid: 1, mark: 'living' })
  for (let pid = 2; pid < 302; pid += 1) {
    processes.started({ pid, mark: String(pid) })
    processes.ended(pid)
  }
  const known = processes.known()
  expect(known).toHaveLength(257)
  expect(known[0]).toEqual({ pid: 1, mark: 'living' })
  expect(known.at(-1)).toEqual({ pid: null, mark: '301' })
  expect(known).not.toContainEqual({ pid: null, mark: '45' })
})
