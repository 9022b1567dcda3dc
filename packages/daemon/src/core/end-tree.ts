import type { StopResponse } from '@codesdkd/protocol'
import type { Agent } from './agent.ts'
import { soon } from './joined.ts'
import { noProcesses, toReport } from './process-tree.ts'
import type { Turn } from './turn.ts'

/** How long the answer to a stop that has a scope waits for its end: less than a request may take. Milliseconds. */
const STOP_WAIT = 8000

interface RunningTurn {
  readonly turn: Turn
  readonly done: Promise<void>
}

export interface TreeStop {
  readonly agent: Agent
  /** The turn of the task that is stopped; null where that does not run any more. */
  readonly running: RunningTurn | null
  /** The turn that runs at this moment. */
  readonly current: () => RunningTurn | null
}

/** Ends the agent, and with it the task if that runs. An agent that works for another task is left alone. */
export async function endTree({ agent, running, current }: TreeStop): Promise<StopResponse['processes']> {
  const isOthers = running === null && current() !== null
  const isGone = running === null && !agent.live
  if (isOthers || isGone) return noProcesses
  const tree = await agent.processes()
  const end = async () => {
    running?.turn.fell()
    await running?.done
    if (current() !== null) return
    await agent.close()
    await tree?.kill()
  }
  await soon(end(), STOP_WAIT)
  return tree === null ? null : await toReport(tree)
}

/** Asks the turn to end and waits for that; the agent lives on, if it obeys. */
export async function endTurn(agent: Agent, { turn, done }: RunningTurn): Promise<StopResponse['processes']> {
  const tree = await agent.processes()
  turn.interrupt({ kind: 'stop' })
  await soon(done, STOP_WAIT)
  return tree === null ? null : await toReport(tree)
}
