import { chmod, rm, symlink } from 'node:fs/promises'
import * as path from 'node:path'
import type { RuntimeEnv, SessionSpec } from '../../core/ports.ts'
import type { LoginFile } from './access.ts'
import { keepOnly, prepareConversations } from './conversation.ts'
import type { PreparedConversation } from './conversation.ts'
import { policyFile, toSettings } from './settings.ts'
import type { SettingsOptions } from './settings.ts'
import { makeDirectory, writeOwnFile } from '../own-files.ts'

/** The agent's own directory of one session, ready for one process. Disposing it removes what belongs to this process alone. */
export interface GeminiHome extends AsyncDisposable {
  /** The rules by which it asks. */
  readonly policy: string
  /** Where its commands may put temporary files. */
  readonly scratch: string
  readonly conversations: readonly PreparedConversation[]
}

export interface HomeOptions extends Omit<SettingsOptions, 'trustWorkspace'> {
  readonly home: RuntimeEnv['home']
  readonly spec: Pick<SessionSpec, 'cwd' | 'resume' | 'trustWorkspace'>
  readonly login: readonly LoginFile[]
  readonly newId: () => string
}

/** The folder in which the agent keeps everything. */
export const geminiFolder = '.gemini'

/**
 * Makes a session's home hold our settings and rules, its conversation and the login that it is to use; and nothing else: the
 * agent and its commands write in it as they like. Only while no agent runs in it.
 */
export async function prepareHome({ home, spec, login, attempts, newId }: HomeOptions): Promise<GeminiHome> {
  await makeDirectory(home, geminiFolder)
  await chmod(home, 0o700)
  // A command may have put here what the agent would obey, such as the system's settings that there are none of.
  await keepOnly(home, [geminiFolder])
  const conversations = await prepareConversations(home, { cwd: spec.cwd, resume: spec.resume, newId })
  const policy = await writeOwnFile(home, [geminiFolder, 'codesdkd.toml'], policyFile)
  const settings = toSettings({ attempts, trustWorkspace: spec.trustWorkspace })
  await writeOwnFile(home, [geminiFolder, 'settings.json'], JSON.stringify(settings, null, 2))
  // Where there is none, the agent looks for one in every directory above.
  await writeOwnFile(home, [geminiFolder, '.env'], '')
  // Links and not copies: the agent writes through them, so that there is only one login.
  for (const { name, file } of login) await symlink(file, path.join(home, geminiFolder, name))
  const scratch = await makeDirectory(home, 'scratch')
  return { policy, scratch, conversations, [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) }
}
