import type { Agent } from './agent.ts'
import type { Outcome } from './ports.ts'

/** How long an agent may take to obey a stop before its process group is killed. Milliseconds. */
export const STOP_GRACE = 8_000

/** An agent that does not obey a stop is killed with its process group. */
export function withinGrace(
  running: Promise<Outcome>,
  { agent, signal }: { readonly agent: Agent; readonly signal: AbortSignal },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const kill = () => {
      timer = setTimeout(() => void agent.close().then(() => resolve({ status: 'stopped', reason: 'killed' })), STOP_GRACE)
    }
    if (signal.aborted) kill()
    else signal.addEventListener('abort', kill, { once: true })
    running.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
    })
  })
}
