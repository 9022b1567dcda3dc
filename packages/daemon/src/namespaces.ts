import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import type { Runtime, RuntimeEnv, SessionRecord } from './core/ports.ts'
import { isInside } from './core/policy/readers.ts'

/** What an agent may see of the daemon's own environment. */
const passed =
  /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TERM|COLORTERM|TZ|TMPDIR|USER|LOGNAME|SHELL|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS)$/

export interface NamespaceOptions {
  readonly dataDir: string
  /** The daemon's own environment. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  readonly executable: (runtime: Runtime) => Promise<string | null>
  readonly offlineUrl: string | null
}

/** Whose directories and login: a session's, or, without a session, those that sessions of a namespace will have. */
export type Whose = Pick<SessionRecord, 'credentialNamespace' | 'isolationLevel'> & Partial<Pick<SessionRecord, 'sessionId' | 'cwd'>>

export interface Environments {
  /** For a session the directories are made (0700); to ask what a namespace would have makes none. */
  toEnv(runtime: Runtime, whose: Whose, sessionEnv?: Readonly<Record<string, string>>): Promise<RuntimeEnv>
}

/** Disposing it removes the directories of the ephemeral sessions. */
export interface Namespaces extends Environments, Disposable {}

/** The namespaces of a daemon, which has the data directory for itself: what ephemeral sessions of one that was killed left behind is removed. */
export function createNamespaces(options: NamespaceOptions): Namespaces {
  const removeEphemeral = () => rmSync(join(options.dataDir, 'namespaces', 'ephemeral'), { recursive: true, force: true, maxRetries: 5 })
  removeEphemeral()
  return { ...createEnvironments(options), [Symbol.dispose]: removeEphemeral }
}

/** Directories and variables of the agents: one set for each credential namespace and isolation level, and one for each ephemeral session. */
export function createEnvironments({ dataDir, environment, executable, offlineUrl }: NamespaceOptions): Environments {
  const directory = join(dataDir, 'namespaces')

  async function toEnv(runtime: Runtime, whose: Whose, sessionEnv: Readonly<Record<string, string>> = {}): Promise<RuntimeEnv> {
    const shared = whose.isolationLevel === 'shared'
    const base = join(directory, directoryName(whose))
    const home = join(base, 'agents', runtime.name)
    const own = ownHome(base)
    if (whose.sessionId !== undefined)
      for (const path of [home, ...(shared ? [] : Object.values(own))]) mkdirSync(path, { recursive: true, mode: 0o700 })
    return {
      executable: await executable(runtime),
      home,
      shared,
      credentialNamespace: whose.credentialNamespace,
      variables: withSafePath(
        { ...inherited(runtime, shared), ...(shared ? userHome(environment, runtime.homeVariables) : own), ...sessionEnv },
        whose.cwd,
      ),
      offlineUrl,
    }
  }

  function inherited(runtime: Runtime, shared: boolean): Record<string, string> {
    const names = new Set(shared ? runtime.credentialVariables : [])
    const found = Object.entries(environment).filter(([name]) => passed.test(name) || names.has(name))
    return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])))
  }

  return { toEnv }
}

/** Whose directories a request means that names no isolation level. */
export function toWhose(namespace: string | null, sharedAllowed: boolean): Whose {
  const credentialNamespace = namespace ?? 'default'
  return { credentialNamespace, isolationLevel: sharedAllowed && credentialNamespace === 'default' ? 'shared' : 'namespaced' }
}

/** Injective and the same on file systems that ignore case: names differ exactly where namespaces differ. */
function directoryName({ credentialNamespace, isolationLevel, sessionId }: Whose): string {
  const ephemeral = isolationLevel === 'ephemeral'
  const key = ephemeral ? ['ephemeral', sessionId ?? 'none'] : [isolationLevel, credentialNamespace]
  const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32)
  return ephemeral ? join('ephemeral', name) : name
}

/** A part of PATH that is relative or lies in the workspace would let a repository bring its own `ls`. */
function withSafePath(variables: Readonly<Record<string, string>>, cwd: string | undefined): Record<string, string> {
  const parts = (variables['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  const safe = parts.filter((part) => isAbsolute(part) && (cwd === undefined || !isInside(cwd, resolve(part))))
  return { ...variables, PATH: safe.join(':') }
}

function ownHome(base: string): Record<string, string> {
  const home = join(base, 'home')
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_STATE_HOME: join(home, '.local', 'state'),
    XDG_CACHE_HOME: join(home, '.cache'),
  }
}

function userHome(environment: Readonly<NodeJS.ProcessEnv>, homeVariables: readonly string[]): Record<string, string> {
  const names = ['HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', ...homeVariables]
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]] as const] : [])))
}
