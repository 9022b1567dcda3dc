import type {
  AuthStatus,
  Capabilities,
  Health,
  IsolationLevel,
  JsonSchema,
  Message,
  PermissionMode,
  TaskError,
  TaskOutput,
  ToolDefinition,
} from '@codesdkd/protocol'
import type { Enclosure } from './enclosure.ts'
import type { ProcessTree } from './process-tree.ts'
import type { TaskHost } from './task-host.ts'

/** Where one runtime finds its executable and which directories and variables its processes get. */
export interface RuntimeEnv {
  /** Absolute path of the executable, or null when none was found. */
  readonly executable: string | null
  /** The directory with the agent's own state (0700): of one session, which alone writes it; asked without a session, `login.home`. */
  readonly home: string
  /** True in isolation level `shared`: the user's own login is used, never the user's rules. */
  readonly shared: boolean
  /** The credential namespace, for what people are told to do. */
  readonly credentialNamespace?: string
  /** The complete environment for the agent's process, already filtered by the allow list. No credential of a provider is in it. */
  readonly variables: Readonly<Record<string, string>>
  /** Keys and tokens by the names of their variables. They are for the gateway alone: no process of the agent ever gets one. */
  readonly credentials: Readonly<Record<string, string>>
  /** Those of the credentials that no client of the session has given: none of them goes anywhere but to its own endpoints. */
  readonly boundKeys: readonly BoundKey[]
  /** Where the namespace keeps the agent's logins. */
  readonly login: LoginPlace
  /** Base URL of the offline model, when the daemon runs with `--offline`; else null. */
  readonly offlineUrl: string | null
}

/** A key that was stored, or that the daemon was given, and the base URLs below which it may be sent. */
export interface BoundKey {
  readonly variable: string
  readonly secret: string
  readonly endpoints: readonly string[]
}

/** Where an agent's own login command has put its files: no session writes there but into a login file itself. */
export interface LoginPlace {
  /** The agent's directory of the namespace. */
  readonly home: string
  /** HOME, XDG directories and the agent's `homeVariables`: the user's own in isolation level `shared`, else those of the namespace. */
  readonly variables: Readonly<Record<string, string>>
}

/** What a session's agent gets. */
export interface AgentEnv extends RuntimeEnv {
  /** What stands around its processes. Whoever made the environment ends it, after the agent. */
  readonly enclosure: Enclosure
}

export interface SessionSpec {
  readonly sessionId: string
  readonly cwd: string
  readonly model: string | null
  readonly permissionMode: PermissionMode
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  /** The agent's own id of the conversation to go on with, or null for a new one. */
  readonly resume: string | null
  readonly isolationLevel: IsolationLevel
  /** Whether the agent may obey what the workspace carries for it: hooks, MCP servers, permission files, plugins. */
  readonly trustWorkspace: boolean
  /** What the agent is offered by `Enclosure.tools`; fixed for as long as it lives. */
  readonly tools: readonly ToolDefinition[]
}

export interface TaskSpec {
  readonly taskId: string
  readonly permissionMode: PermissionMode
  /** What the agent has not seen yet, oldest first; the last one is the prompt. */
  readonly messages: readonly Message[]
  readonly runtimeConfig: Readonly<Record<string, unknown>>
  /** What the agent holds its model's answer to: only where `Runtime.holdsToSchema` says that it can. */
  readonly outputSchema?: JsonSchema
}

/** How a turn ended. A runtime never throws for what its agent did: it resolves to `failed`. */
export type Outcome =
  | {
      readonly status: 'completed'
      readonly reason: string
      /** What an output schema asked for, as the daemon read it from the answer: no runtime sets it. */
      readonly result?: TaskOutput
      /** The task that its messages have joined: no runtime sets it. */
      readonly steeredInto?: string
    }
  | { readonly status: 'stopped'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string; readonly error: TaskError }

/** A live conversation with an agent. Disposing it ends the agent's whole process group and resolves when it is gone. */
export interface RuntimeSession extends AsyncDisposable {
  /** The agent's own id of the conversation; null until it is known. */
  readonly nativeId: string | null
  /** False once the agent's process is gone or cannot be used any more; then the next task opens a new one. */
  readonly alive: boolean
  /** Set when `SessionSpec.resume` was asked for: whether the agent found its conversation. */
  readonly resumed: boolean
  /** Runs one turn to its end. At most one runs at a time; turns with the same `taskId` are one task. Never rejects for agent failures. */
  run(task: TaskSpec, host: TaskHost): Promise<Outcome>
  /**
   * Gives further messages to the turn that runs. True: they belong to it, and its end comes after what the agent makes of them. False:
   * the agent has not seen them, and will not. Never rejects; settles at the latest soon after the turn has ended. Missing where the
   * agent takes nothing while it works.
   */
  steer?(messages: readonly Message[]): Promise<boolean>
  /** Its processes at this moment; null where the machine does not tell. Never rejects. */
  processes?(): Promise<ProcessTree | null>
}

/** Drives one kind of coding agent. To add one: a file in runtimes/, a line in runtimes/index.ts, a recorded fixture. */
export interface Runtime {
  readonly name: string
  readonly capabilities: Capabilities
  /** Files of the workspace that this agent reads by itself. Left out where nobody knows. */
  readonly implicitSources?: readonly ImplicitSource[]
  /** Names of environment variables that hold this agent's credentials; those of the daemon count only in isolation level `shared`. The first is where `codesdkd keys set` puts a key. */
  readonly credentialVariables: readonly string[]
  /** Base URLs of the provider that a key in this variable is for; none where nobody knows. */
  toKeyEndpoints(variable: string): readonly string[]
  /** Further variables that hold secrets, as this `runtimeConfig` names them (`env_key`, bearer tokens of MCP servers). */
  secretVariables(config: Readonly<Record<string, unknown>>): readonly string[]
  /** Names of environment variables that say where this agent keeps its state: those of the user are passed on in isolation level `shared`. */
  readonly homeVariables: readonly string[]
  /** Checks and normalises `runtimeConfig`. Throws `Problem('invalid_request')` that names the field. */
  parseConfig?(config: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** Whether its agent can hold its model to this schema of an answer. Left out: it can to none. */
  holdsToSchema?(schema: JsonSchema): boolean
  /** Executable's version and presence of a login. Never starts a server, never throws, ends within 5 s. */
  health(env: RuntimeEnv, signal: AbortSignal): Promise<Omit<Health, 'checked_at'>>
  /** Presence of a login only, from files. */
  authStatus(env: RuntimeEnv): Promise<AuthStatus>
  /** Starts the agent. Rejects with `RuntimeFailure` when it does not come up. */
  open(spec: SessionSpec, env: AgentEnv, signal: AbortSignal): Promise<RuntimeSession>
}

/** A file with instructions or configuration that an agent reads by itself. */
export interface ImplicitSource {
  /** Relative to a directory; of those that are there only the first counts. */
  readonly names: readonly string[]
  /** Whether it is read also in the directories above the working directory, up to that of the repository. */
  readonly parents: boolean
  /** Whether it counts only in a session that trusts its workspace. */
  readonly needsTrust: boolean
}

/** Such a file, as it was when a task began. */
export interface FoundSource {
  /** Relative to the working directory, with `/`. */
  readonly name: string
  /** Whether the agent may obey it: the session trusts the workspace as far as is needed, and no other file takes its place. */
  readonly obeyed: boolean
  /** Bytes; null with `sha256` where it is no file, cannot be read or lies outside of the repository. */
  readonly size: number | null
  /** Hexadecimal; null also where the file is too large. */
  readonly sha256: string | null
}

/** Why an agent could not be opened, as the task will report it. */
export class RuntimeFailure extends Error {
  override readonly name = 'RuntimeFailure'
  readonly failure: TaskError

  constructor(failure: TaskError, options?: ErrorOptions) {
    super(failure.message, options)
    this.failure = failure
  }
}

/** Told of every process group that a runtime starts and ends, so that leftovers can be found after a crash. */
export interface ProcessLedger {
  started(process: { readonly pid: number; readonly mark: string }): void
  ended(pid: number): void
}
