import type { Agent } from 'node:http'
import type { ProcessLedger } from '../core/ports.ts'

/** What tools of the daemon need of the world. */
export interface ToolWorld {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly ledger: ProcessLedger
  /** Name of the variable that marks every process of the daemon. */
  readonly markName: string
  readonly newId: () => string
  /** Kills what carries a mark, wherever it went; resolves when it is gone. */
  readonly sweep: (mark: string) => Promise<unknown>
  /** The way to HTTP servers, through the proxies of this machine. */
  readonly agent: (protocol: string) => Agent
}

const passed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']

/** What a program needs to work at all, what was configured for it, and the mark. Nothing else that the daemon knows. */
export function toToolEnvironment(
  { environment, markName }: ToolWorld,
  own: Readonly<Record<string, string>>,
  mark: string,
): Record<string, string> {
  const basis = passed.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]))
  return { ...Object.fromEntries(basis), ...own, [markName]: mark }
}
