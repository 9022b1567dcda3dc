import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { isAbsolute, join, resolve, sep } from 'node:path'
import type { BoundKey, Runtime, RuntimeEnv, SessionRecord } from './core/ports.ts'
import { isInside } from './core/policy/readers.ts'
import type { StoredKey } from './keys/key-store.ts'
import { removeTree } from './remove-tree.ts'

/** What an agent may see of the daemon's own environment. */
const passed =
  /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TERM|COLORTERM|TZ|TMPDIR|USER|LOGNAME|SHELL|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS)$/

export interface NamespaceOptions {
  readonly dataDir: string
  /** The daemon's own environment. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  readonly executable: (runtime: Runtime) => Promise<string | null>
  readonly offlineUrl: string | null
  /** Keys that a person has stored for a runtime in a namespace, by the names of their variables. Default: none. */
  readonly keys?: (namespace: string, runtime: string) => Readonly<Record<string, StoredKey>>
}

/** Whose directories and login: a session's, or, without a session, those that sessions of a namespace will have. */
export type Whose = Pick<SessionRecord, 'credentialNamespace' | 'isolationLevel'> &
  Partial<Pick<SessionRecord, 'sessionId' | 'cwd' | 'runtimeConfig' | 'sandbox' | 'generation' | 'withheld'>> & {
    /** Makes the directories of the namespace's login, though there is no session. */
    readonly prepared?: boolean
  }

export interface Environments {
  /** For a session the directories are made (0700); to ask what a namespace would have makes none. */
  toEnv(runtime: Runtime, whose: Whose, sessionEnv?: Readonly<Record<string, string>>): Promise<RuntimeEnv>
}

/** Disposing it removes the directories of the ephemeral sessions. */
export interface Namespaces extends Environments, Disposable {
  /** Removes the directories of a session, with what its agent kept there; of an ephemeral one its login too. Rejects with the system's error. */
  remove(session: HomedSession): Promise<void>
  /** Removes what agents before the present one kept there, copies of logins too. Rejects with the system's error. */
  forget(session: HomedSession): Promise<void>
}

type HomedSession = Pick<SessionRecord, 'sessionId' | 'credentialNamespace' | 'isolationLevel' | 'generation'>

/** The namespaces of a daemon, which has the data directory for itself: what ephemeral sessions of one that was killed left behind is removed. */
export function createNamespaces(options: NamespaceOptions): Namespaces {
  const removeEphemeral = () => rmSync(join(options.dataDir, 'namespaces', 'ephemeral'), { recursive: true, force: true, maxRetries: 5 })
  removeEphemeral()
  return {
    ...createEnvironments(options),
    async remove(session) {
      if (session.isolationLevel === 'ephemeral') return removeTree(options.dataDir, 'namespaces', ...directoryName(session).split(sep))
      for (let generation = 0; generation <= session.generation; generation++)
        await removeTree(options.dataDir, 'namespaces', ...toPlace({ ...session, generation }))
    },
    async forget(session) {
      for (let generation = 0; generation < session.generation; generation++)
        await removeTree(options.dataDir, 'namespaces', ...toPlace({ ...session, generation }))
    },
    [Symbol.dispose]: removeEphemeral,
  }
}

/** Directories, variables and keys of the agents: logins for each credential namespace, everything else for each session. */
export function createEnvironments({ dataDir, environment, executable, offlineUrl, keys = () => ({}) }: NamespaceOptions): Environments {
  const directory = join(dataDir, 'namespaces')

  async function toEnv(runtime: Runtime, whose: Whose, sessionEnv: Readonly<Record<string, string>> = {}): Promise<RuntimeEnv> {
    const shared = whose.isolationLevel === 'shared'
    const base = join(directory, directoryName(whose))
    const login = {
      home: join(base, 'agents', runtime.name),
      variables: shared ? userHome(environment, runtime.homeVariables) : ownHome(join(base, 'home')),
    }
    const { sessionId, generation = 0 } = whose
    const place = sessionId === undefined ? null : join(directory, ...toPlace({ ...whose, sessionId, generation }))
    const home = place === null ? login.home : join(place, 'agent')
    // Behind a wall a session has a home for itself alone: what one leaves in it, no other obeys.
    const variables = place !== null && whose.sandbox?.walled === true ? ownHome(join(place, 'home')) : login.variables
    if (place !== null || whose.prepared === true) {
      const own = shared && variables === login.variables ? [] : Object.values(variables)
      for (const path of [login.home, home, ...own]) mkdirSync(path, { recursive: true, mode: 0o700 })
    }
    const secret = new Set([...runtime.credentialVariables, ...runtime.secretVariables(whose.runtimeConfig ?? {})])
    const given = Object.entries(sessionEnv).filter(([name]) => !(whose.withheld ?? []).includes(name))
    const bound = findBound(runtime, whose).filter(({ variable }) => !(secret.has(variable) && given.some(([name]) => name === variable)))
    return {
      executable: await executable(runtime),
      home,
      shared,
      credentialNamespace: whose.credentialNamespace,
      variables: withSafePath(
        { ...pick((name) => passed.test(name)), ...variables, ...Object.fromEntries(given.filter(([name]) => !secret.has(name))) },
        whose.cwd,
      ),
      credentials: {
        ...Object.fromEntries(bound.map(({ variable, secret: value }) => [variable, value])),
        ...Object.fromEntries(given.filter(([name]) => secret.has(name))),
      },
      // Who gives the same key knows it already.
      boundKeys: bound.filter(({ secret: value }) => !given.some(([, own]) => own === value)),
      login,
      offlineUrl,
    }
  }

  /** The keys that nobody has to bring; a stored one counts before that of the daemon. */
  function findBound(runtime: Runtime, { isolationLevel, credentialNamespace }: Whose): readonly BoundKey[] {
    const own = isolationLevel === 'shared' ? Object.entries(pick((name) => runtime.credentialVariables.includes(name))) : []
    const stored = Object.entries(keys(credentialNamespace, runtime.name))
    // The model of the daemon itself learns nothing.
    const toEndpoints = (variable: string) => [...runtime.toKeyEndpoints(variable), ...(offlineUrl === null ? [] : [offlineUrl])]
    return [
      ...own
        .filter(([variable]) => !stored.some(([name]) => name === variable))
        .map(([variable, secret]) => ({ variable, secret, endpoints: [...toEndpoints(variable), ...findBaseUrl(variable)] })),
      ...stored.map(([variable, { value: secret, endpoint }]) => {
        return { variable, secret, endpoints: endpoint === null ? toEndpoints(variable) : [endpoint] }
      }),
    ]
  }

  /** Whoever gave the daemon a key may have told it in the usual way whose it is: `OPENAI_BASE_URL` beside `OPENAI_API_KEY`. */
  function findBaseUrl(variable: string): readonly string[] {
    const url = environment[variable.replace(/_(?:API_KEY|AUTH_TOKEN)$/, '_BASE_URL')] ?? ''
    return URL.canParse(url) ? [url] : []
  }

  function pick(wanted: (name: string) => boolean): Record<string, string> {
    const found = Object.entries(environment).filter(([name]) => wanted(name))
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
  const name = shortHash(JSON.stringify(key))
  return ephemeral ? join('ephemeral', name) : name
}

/** What belongs to one session alone, and there to one agent: what another left in its home, it neither reads nor obeys. */
function toPlace({ sessionId, generation, ...whose }: Whose & Pick<SessionRecord, 'sessionId' | 'generation'>): readonly string[] {
  const name = generation === 0 ? sessionId : JSON.stringify([sessionId, generation])
  return [...directoryName({ ...whose, sessionId }).split(sep), 'sessions', shortHash(name)]
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** A part of PATH that is relative or lies in the workspace would let a repository bring its own `ls`. */
function withSafePath(variables: Readonly<Record<string, string>>, cwd: string | undefined): Record<string, string> {
  const parts = (variables['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  const safe = parts.filter((part) => isAbsolute(part) && (cwd === undefined || !isInside(cwd, resolve(part))))
  return { ...variables, PATH: safe.join(':') }
}

function ownHome(home: string): Record<string, string> {
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
