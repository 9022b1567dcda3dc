import { chmod, rm, symlink } from 'node:fs/promises'
import * as path from 'node:path'
import { LoginCopy } from './login-copy.ts'
import { clearDirectory, makeDirectory, writeOwnFile } from '../own-files.ts'

/** What an agent could leave in its home so that a later one obeys it, asks less, or runs its commands by another program. */
const planted = [
  '.env',
  'AGENTS.md',
  'AGENTS.override.md',
  'agents',
  'config.toml.d',
  'environments.toml',
  'hooks',
  'hooks.json',
  'models_cache.json',
  'prompts',
  'rules',
  'skills',
]

/**
 * Makes the home of a session hold our settings, and nothing else that could widen what Codex may do. Only while no agent runs in
 * it. Returns a new directory for temporary files.
 */
export async function prepareHome(home: string, mark: string): Promise<string> {
  await makeDirectory(home)
  // Codex writes the conversations into it, readable to all.
  await chmod(home, 0o700)
  await Promise.all(planted.map((name) => rm(path.join(home, name), { recursive: true, force: true })))
  await writeOwnFile(home, ['config.toml'], settingsFile)
  return await makeDirectory(home, 'scratch', mark)
}

/** Removes the directory for temporary files, and nothing that an agent has put in the place of those above it. */
export async function clearScratch(home: string, mark: string): Promise<void> {
  await rm(path.join(await makeDirectory(home, 'scratch'), mark), { recursive: true, force: true })
}

/**
 * Puts a login into the home, or takes the last one away: what an agent left in its place is none. Without a wall it is a link: there
 * must be only one file, as refreshing a login makes the older tokens invalid. Behind the wall, where the directory that the link
 * leads to is not to be seen, it is a copy that is kept level with the original until it is disposed of.
 */
export async function placeLogin(home: string, login: string | null, { walled }: { readonly walled: boolean }): Promise<AsyncDisposable> {
  const resources = new AsyncDisposableStack()
  const place = path.join(home, 'auth.json')
  if (login !== null && walled) {
    await clearDirectory(place)
    await resources.use(new LoginCopy(home, login)).settled()
    return resources
  }
  await rm(place, { recursive: true, force: true })
  if (login !== null) await symlink(login, place)
  return resources
}

const settingsFile = `# Written by codesdkd at every start of an agent; changes are lost.
check_for_update_on_startup = false
cli_auth_credentials_store = "file"
# The daemon itself has switched them on.
suppress_unstable_features_warning = true

[analytics]
enabled = false

[feedback]
enabled = false

[features]
# Nothing may be fetched, run or asked that the daemon does not know of.
plugins = false
apps = false
hooks = false
goals = false
memories = false
skill_mcp_dependency_install = false
# What is typed into a running terminal is never asked about.
unified_exec_tty = false
# Otherwise the model may ask the person only while it plans.
default_mode_request_user_input = true
# Otherwise a refused connection is retried for ever.
unbounded_connection_retries = false

[agents]
enabled = false

[tools.update_plan]
enabled = true
`
