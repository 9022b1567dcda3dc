import type { Config } from './configuration/config.ts'
import type { Issue } from './http/context.ts'
import { toSandboxIssues, type SandboxInfo } from './sandbox-status.ts'
import type { SqliteEventLog } from './storage/event-log.ts'

interface IssueFacts {
  readonly log: SqliteEventLog
  readonly leftovers: readonly number[]
  readonly sandbox: SandboxInfo
  /** MCP servers of the daemon that cannot be reached. */
  readonly failingServers: readonly string[]
  /** Why what the tokens file says now is not in force. */
  readonly tokensFault: string | null
}

/** What the owner of the daemon should know now. */
export function toIssues(config: Config, { log, leftovers, sandbox, failingServers, tokensFault }: IssueFacts): readonly Issue[] {
  const issues = [...toSandboxIssues(sandbox, process.getuid?.() ?? null)]
  const add = (kind: Issue['kind'], severity: Issue['severity'], message: string, hint: string | null) =>
    issues.push({ kind, severity, message, hint })
  if (config.auth === 'none')
    add('auth_off', 'warning', 'Anybody who reaches the port may use the daemon.', 'Start it without --auth none.')
  if (!log.writable)
    add('storage_failing', 'error', 'The log cannot be written at the moment.', 'Make room on the disk of the data directory.')
  if (log.gap !== null)
    add(
      'storage_gap',
      'error',
      `The log ends at ${log.gap.found} and once went to ${log.gap.expected}.`,
      'Restore the data directory from a copy, or go on without the lost events.',
    )
  if (tokensFault !== null)
    add('tokens_file_unusable', 'error', tokensFault, 'Mend the file; until then the tokens that it had before are in force.')
  if (leftovers.length > 0)
    add('leftovers_ended', 'info', `${leftovers.length} processes of an earlier daemon were still there and were ended.`, null)
  for (const name of failingServers)
    add(
      'mcp_server_failing',
      'warning',
      `The MCP server ${name} cannot be reached: its tools are not offered.`,
      'The log of the daemon says why.',
    )
  return issues
}
