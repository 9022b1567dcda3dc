import type { RuntimeSummary } from '@codesdkd/protocol'
import type { Room } from './room.ts'
import { toJson, toTable, type Report } from '../report.ts'

/** `codesdkd agents list`: what is there. */
export async function listAgents({ directory, executables }: Room, json: boolean): Promise<Report> {
  const summaries = await directory.list()
  const found = await Promise.all(
    summaries.map(async (summary) => ({ ...summary, executable: (await executables.find(summary.runtime))?.path ?? null })),
  )
  if (json) return { exitCode: 0, stdout: toJson({ runtimes: found }) }
  const head = ['RUNTIME', 'ALIAS', 'INSTALLED', 'VERSION', 'LOGGED IN', 'VERIFIED', 'WHERE']
  return { exitCode: 0, stdout: toTable([head, ...found.map((one) => toRow(one, one.executable))]) }
}

function toRow(summary: RuntimeSummary, executable: string | null): readonly string[] {
  const { runtime, aliases, installed, version, auth, executable_source: source } = summary
  return [
    `${runtime}${summary.default ? ' *' : ''}`,
    aliases.join(', ') || '-',
    installed ? 'yes' : 'no',
    version ?? '-',
    auth.logged_in ? (auth.account_label ?? 'yes') : 'no',
    `${summary.verified_at ?? 'never'}${summary.stale ? ' (another version)' : ''}`,
    executable === null ? '-' : `${executable} (${source ?? 'unknown'})`,
  ]
}
