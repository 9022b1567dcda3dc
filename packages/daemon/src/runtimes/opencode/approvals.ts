import { readdir } from 'node:fs/promises'
import * as path from 'node:path'

/**
 * Takes back what somebody is said to have approved for ever. OpenCode keeps it in its database, for a project or a session, and lets
 * it count before every permission; a person has never done so here, but whatever ran in the home can have written it there. Runs
 * inside OpenCode, and so inside its wall: nobody outside opens a file that a command can have made. Rejects when it cannot be done.
 */
export async function forgetApprovals(dataHome: string | undefined): Promise<void> {
  if (dataHome === undefined) return
  const { Database } = await import('bun:sqlite')
  const directory = path.join(dataHome, 'opencode')
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((one) => one.endsWith('.db'))) {
    using database = new Database(path.join(directory, name))
    database.run('PRAGMA busy_timeout = 5000')
    if (has(database, 'permission', 'action')) database.run('DELETE FROM permission')
    if (has(database, 'session', 'permission')) database.run('UPDATE session SET permission = NULL WHERE permission IS NOT NULL')
  }
}

/** Databases of other versions may be laid out in another way. */
function has(database: { query(sql: string): { all(): readonly object[] } }, table: string, column: string): boolean {
  return database.query(`SELECT 1 FROM pragma_table_info('${table}') WHERE name = '${column}'`).all().length > 0
}
