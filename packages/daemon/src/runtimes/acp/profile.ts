import type { AuthStatus, Capabilities, PermissionMode, TaskError, Usage } from '@codesdkd/protocol'
import type { AgentEnv, ImplicitSource, RuntimeEnv, SessionSpec } from '../../core/ports.ts'
import type { CallResult, NativeCall, Observation } from '../../core/task-host.ts'
import type { AcpTool, PermissionOption, PromptResult, SessionUpdate, ToolUpdate } from './native.ts'
import type { RpcError } from '../json-rpc.ts'
import type { McpServers } from '../runtime-config.ts'

/** What every agent's `runtimeConfig` has; a profile adds fields of its own. */
export interface AcpConfig {
  readonly mcp_servers?: McpServers | undefined
}

/**
 * What makes one agent differ from what the Agent Client Protocol says. The driver does everything else; each optional part
 * has the protocol's own behaviour as its default. Hooks of the mapper are pure and total.
 */
export interface AcpProfile<Config extends AcpConfig = AcpConfig> {
  /** The runtime's name on the wire. */
  readonly name: string
  /** As people write it, for messages. */
  readonly displayName: string
  readonly capabilities: Capabilities
  /** As in `Runtime`. */
  readonly implicitSources?: readonly ImplicitSource[]
  readonly credentialVariables: readonly string[]
  /** Base URLs of the provider that a key in this variable is for; none where nobody knows. */
  toKeyEndpoints(variable: string): readonly string[]
  readonly homeVariables: readonly string[]
  /** Checks a `runtimeConfig`. Throws `Problem('invalid_request')`. */
  parseConfig(config: Readonly<Record<string, unknown>>): Config
  /** First group: the version in what `--version` prints. Null for an agent that is not asked, as nobody knows how it takes it. */
  readonly versionPattern: RegExp | null
  /** npm packages that have the agent's own version; then it need not be started to tell. */
  readonly packages?: readonly string[]
  /** Presence of a login, from files and names of variables only; never throws. */
  readAuth(env: RuntimeEnv): Promise<Omit<AuthStatus, 'ok' | 'runtime'>>
  /** Makes everything ready for one process: settings files, arguments, environment. */
  prepare(context: PrepareContext<Config>): Promise<Launch>

  /** How the conversation is carried on after a restart. */
  readonly resume?: ResumeWays
  /**
   * `protocol`: the model is chosen by a config option of category `model`, else by `session/set_model`. `launch`: `prepare` has
   * chosen it already. Default `protocol`.
   */
  readonly modelChoice?: 'protocol' | 'launch'
  /** The session mode for a permission mode, set before a turn where it is another than the current one; null leaves it. Default null. */
  readonly toMode?: (mode: PermissionMode) => string | null
  /** What follows a call that was denied. Default: `prompt_if_ended`, as a denial must not end a task. */
  readonly denial?: DenialWays

  /** Joins what is known of a call with a later message about it. Default: a field that is named again is overwritten (`mergeTool`). */
  readonly mergeTool?: (known: AcpTool | null, told: ToolUpdate) => AcpTool
  /** A call as the daemon shows and judges it. Default `toNativeCall`. */
  readonly toCall?: (tool: AcpTool, context: CallContext) => NativeCall
  /** The result of a call that is `completed` or `failed`. Default `toCallResult`. */
  readonly toResult?: (tool: AcpTool, context: CallContext) => CallResult
  /**
   * True when this message shows that the call runs, though nobody was asked. Asked of each message about an announced call,
   * until one says so, the agent asks, or it is over. Default: only the end of the call tells, as agents announce first and ask later.
   */
  readonly runsUnasked?: (tool: AcpTool, told: ToolUpdate) => boolean
  /** True of a call that has failed, and of which it is certain that it never ran: it is told as a notice, not as a call. Default: never. */
  readonly neverRan?: (tool: AcpTool) => boolean
  /** The name of the agent's own rule by which an unasked call ran. Default `acp:unasked`. */
  readonly unaskedRule?: (tool: AcpTool) => string
  /** A piece of reasoning without what the agent puts around it. Default: as it is told. */
  readonly toThought?: (text: string) => string
  /** Reads an update or notification in a way of its own; null leaves it to the driver, `[]` ignores it. */
  readonly toObservations?: (message: AgentMessage) => readonly Observation[] | null
  /** Tokens of the prompt that has ended. Default: the `usage` of the result. */
  readonly toUsage?: (result: PromptResult) => Usage | null
  /** An error of the agent in the daemon's words. Default `toTaskError`. */
  readonly toTaskError?: (error: RpcError, context: ErrorContext) => TaskError
  /** For agents that end a failed turn as if all were well: the failure; null when there is none. */
  readonly toFailure?: (end: TurnEnding) => TaskError | null
}

/** The part of a profile that has nothing to do with configuration. */
export type AcpRules = Omit<AcpProfile, 'parseConfig' | 'prepare'>

/** What is known when a process is to be started. */
export interface PrepareContext<Config> {
  readonly env: AgentEnv
  readonly spec: SessionSpec
  readonly config: Config
  /** Names this process in its environment (`CODESDKD_PROCESS`); unique, fit for a file name. */
  readonly mark: string
}

/** How one process is started. Disposing it removes what was made for this process alone. */
export interface Launch extends AsyncDisposable {
  readonly args: readonly string[]
  /** The whole environment of the process. */
  readonly variables: Readonly<Record<string, string>>
  /** Where the process is started. Default: the session's working directory. */
  readonly cwd?: string
  /** Files and directories of the host that the process has to read beside its executable and what the session has. */
  readonly readable?: readonly string[]
  /** Login files that it may refresh. They exist. */
  readonly writable?: readonly string[]
  /** Sent between `initialize` and the session. */
  readonly authenticate?: { readonly methodId: string; readonly meta?: Readonly<Record<string, unknown>> }
  /**
   * The conversations that `prepare` has laid out for `session/load`, in order of preference: the first that the agent loads is
   * taken, and none is made. `resumed`: it is the one of `spec.resume`. Default: as `resume` of the profile says.
   */
  readonly conversations?: readonly { readonly id: string; readonly resumed: boolean }[]
  /** `_meta` of the request that opens the session. */
  readonly sessionMeta?: Readonly<Record<string, unknown>>
  /** Ends commands that the agent left running after a turn was stopped. Default: those that left the agent's process group during the turn. */
  readonly endCommands?: () => Promise<void>
}

export interface ResumeWays {
  /** In order of preference; each is tried only where the agent advertises it. Default `['resume', 'load']`. */
  readonly methods?: readonly ('resume' | 'load')[]
  /** For agents whose replay goes on after the answer to `session/load`: milliseconds of silence that end it. Default 0. */
  readonly quietAfterLoadMs?: number
}

export interface DenialWays {
  /**
   * How the task goes on after a rejected call, and the reason reaches the model.
   * - `nothing`: the agent goes on by itself, and its model does not hear the reason, or hears it by `toAnswerMeta`.
   * - `prompt_if_ended`: the same task prompts anew with the reasons if the turn ended without anything new after the rejection.
   * - `prompt`: the same task prompts anew with the reasons once the turn has ended, whatever else the agent did in it.
   * - `cancel_and_prompt`: as soon as no call waits or runs, the turn is cancelled, and the same task prompts anew with the reasons.
   */
  readonly after: 'nothing' | 'prompt_if_ended' | 'prompt' | 'cancel_and_prompt'
  /** For agents that take a reason with the answer: `_meta` of the answer. */
  readonly toAnswerMeta?: (reason: string) => Readonly<Record<string, unknown>>
  /** For agents whose model hears the error with which a question is answered: that error, sent instead of the option that rejects. */
  readonly toError?: (reason: string) => unknown
  /** The text of the further prompt. Default: one line for each call. */
  readonly toPrompt?: (denials: readonly Denial[]) => string
}

export interface Denial {
  readonly call: NativeCall
  readonly reason: string
}

export interface CallContext {
  readonly cwd: string
  /** The answers that the agent would take, when it asks; else empty. */
  readonly options: readonly PermissionOption[]
}

/** A notification, or an update of the conversation in hand. */
export type AgentMessage =
  | { readonly kind: 'update'; readonly update: SessionUpdate }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }

export interface ErrorContext {
  /** What the agent was asked for. */
  readonly phase: 'start' | 'authenticate' | 'session' | 'prompt'
  /** `id (name)` of the ways to log in that the agent names. */
  readonly authMethods: readonly string[]
}

/** What a turn ended with. */
export interface TurnEnding {
  readonly result: PromptResult
  /** The last block of text of the prompt; empty when there was none. */
  readonly lastText: string
  /** Whether anything but text came: thoughts, calls, plans. */
  readonly textOnly: boolean
}
