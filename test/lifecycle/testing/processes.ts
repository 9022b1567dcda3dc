import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Pids of the processes that were started with this text in their environment. */
export function processesWith(marker: string): readonly number[] {
  return allPids().filter((pid) => read(pid, 'environ').includes(marker))
}

/** Stops the agent that was started with this text in its environment where it stands, as a hang would: it hears, says and ends nothing. Returns its pid. */
export function freezeAgent(marker: string): number {
  // What stands around it has its command line and its environment too.
  const [agent, ...others] = processesWith(marker).filter((pid) => /^[^\0]*\/codex\0(?:.*\0)?app-server\0/s.test(argumentsOf(pid)))
  if (agent === undefined || others.length > 0) throw new Error('there is not exactly one agent')
  process.kill(agent, 'SIGSTOP')
  return agent
}

export function environmentOf(pid: number): string {
  return read(pid, 'environ')
}

export function argumentsOf(pid: number): string {
  return read(pid, 'cmdline')
}

/** One that has ended and was not reaped yet does not count. */
export function lives(pid: number): boolean {
  return read(pid, 'cmdline') !== ''
}

/** Asks again, every 20 ms, until the answer is yes; rejects after the limit. For what no event tells. */
export async function until(what: string, check: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (let waited = 0; !(await check()); waited += 20) {
    if (waited >= limitMs) throw new Error(`still not so after ${limitMs} ms: ${what}`)
    await delay(20)
  }
}

function allPids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
}

function read(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
