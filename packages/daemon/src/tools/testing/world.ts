import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import { killMarked } from '../../runtimes/leftovers.ts'
import type { ToolRun } from '../../core/tools.ts'
import type { ToolWorld } from '../tool-world.ts'

/** This machine, and what was started on it. */
export function createToolWorld(environment: ToolWorld['environment'] = process.env) {
  const live = new Set<number>()
  const begun: number[] = []
  const agent = new Agent()
  const world: ToolWorld = {
    environment,
    ledger: { started: ({ pid }) => void (live.add(pid), begun.push(pid)), ended: (pid) => void live.delete(pid) },
    markName: 'CODESDKD_PROCESS',
    newId: () => randomBytes(8).toString('hex'),
    sweep: (mark) => killMarked('CODESDKD_PROCESS', mark),
    agent: () => agent,
  }
  return { world, live, begun }
}

/** A call, and what it wrote; `wrote` resolves with the first output. */
export function createCall(input: unknown, signal: AbortSignal = new AbortController().signal) {
  const first = Promise.withResolvers<string>()
  const output: string[] = []
  const call: ToolRun = {
    sessionId: 's',
    cwd: import.meta.dirname,
    input,
    signal,
    ask: () => Promise.resolve({ outcome: 'decline', reason: 'nobody is there' }),
    output(stream, delta) {
      output.push(`${stream}: ${delta}`)
      first.resolve(delta)
    },
  }
  return { call, output, wrote: first.promise }
}
