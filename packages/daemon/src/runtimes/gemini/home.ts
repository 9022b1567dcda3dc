import { createHash } from 'node:crypto'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import * as path from 'node:path'
import type { RuntimeEnv, SessionSpec } from '../../core/ports.ts'
import { toUserFolder } from './config.ts'
import { keepOnly, prepareConversations } from './conversation.ts'
import type { PreparedConversation } from './conversation.ts'
import { policyFile, toSettings } from './settings.ts'
import type { SettingsOptions } from './settings.ts'
import { linkLogin } from '../login-file.ts'

/** The agent's own directory of one session, ready for one process. Disposing it removes what belongs to this process alone. */
export interface GeminiHome extends AsyncDisposable {
  /** `GEMINI_CLI_HOME`: the agent keeps everything in a folder `.gemini` in it. */
  readonly directory: string
  /** The rules by which it asks. */
  readonly policy: string
  /** Where its commands may put temporary files. */
  readonly scratch: string
  readonly conversations: readonly PreparedConversation[]
}

export interface HomeOptions extends Omit<SettingsOptions, 'trustWorkspace'> {
  readonly env: RuntimeEnv
  readonly spec: SessionSpec
  readonly mark: string
  readonly newId: () => string
}

/** Files of a login, in the user's folder and in ours. */
export const loginFiles = ['oauth_creds.json', 'google_accounts.json'] as const

/**
 * Makes the session's directory hold our settings and rules, its conversation and, when shared, the user's login; and nothing
 * else. Each session has its own: the agent writes its way of logging in into its settings.
 */
export async function prepareHome({ env, spec, mark, attempts, newId }: HomeOptions): Promise<GeminiHome> {
  const directory = toDirectory(env, spec)
  const folder = path.join(directory, '.gemini')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  // A command may have put here what the agent would obey, such as the system's settings that there are none of.
  await keepOnly(directory, ['.gemini'])
  const conversations = await prepareConversations(folder, { cwd: spec.cwd, resume: spec.resume, newId })
  const policy = path.join(folder, 'codesdkd.toml')
  await writeSafely(policy, policyFile)
  await writeSafely(
    path.join(folder, 'settings.json'),
    JSON.stringify(toSettings({ attempts, trustWorkspace: spec.trustWorkspace }), null, 2),
  )
  // Where there is none, the agent looks for one in every directory above.
  await writeSafely(path.join(folder, '.env'), '')
  const user = env.shared ? toUserFolder(env) : null
  if (user !== null) await Promise.all(loginFiles.map((name) => linkLogin(path.join(user, name), path.join(folder, name))))
  const scratch = path.join(directory, 'scratch', mark)
  await mkdir(scratch, { recursive: true, mode: 0o700 })
  return { directory, policy, scratch, conversations, [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) }
}

/** The agent's own directory of a session. */
export function toDirectory({ home }: Pick<RuntimeEnv, 'home'>, { sessionId }: Pick<SessionSpec, 'sessionId'>): string {
  return path.join(home, 'sessions', createHash('sha256').update(sessionId).digest('hex').slice(0, 32))
}

async function writeSafely(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
