import type { Capabilities, Confinement, TaskErrorCode, ToolKind } from '@codesdkd/protocol'
import type { FaultInput } from './script.ts'

export type SessionBody = Readonly<Record<string, unknown>>
export type Environment = Readonly<Record<string, string>>

/**
 * What differs between agents and is no capability on the wire. A trait is proved or disproved by a cell, exactly as a capability
 * is; where it is false, `Subject.reasons` says why the agent cannot.
 */
export interface Traits {
  /** The result of a command carries its exit code. */
  readonly tells_exit_codes: boolean
  /** Tokens are told for each call of the model; where it is false, once for the whole turn (and, if `usage.unknown` names it, less of them). */
  readonly tells_usage_per_call: boolean
  /** Its plan comes as `plan.updated`. */
  readonly tells_plans: boolean
  /** Its reasoning comes in blocks of its own. */
  readonly tells_reasoning: boolean
  /** A stream that broke and was taken up again is told as such, so that what was shown of it can be taken back. */
  readonly tells_restarted_streams: boolean
  /** A stream that broke after its beginning is asked for again by the agent itself. */
  readonly takes_up_broken_streams: boolean
  /** It gives its model a part of a very long output, so that one command cannot fill the context. */
  readonly bounds_large_output: boolean
  /** A question of an MCP server to the person reaches her. */
  readonly passes_on_elicitations: boolean
  /** A tool of an MCP server that calls itself read-only is asked like any other. */
  readonly asks_read_only_mcp_tools: boolean
  /** The provider's key is in no environment and on no command line of its process tree. */
  readonly hides_keys: boolean
  /** The provider's key is in no environment of the commands that it runs. */
  readonly hides_keys_from_commands: boolean
  /** In a session with `trustWorkspace` it obeys the configuration that the workspace carries. */
  readonly obeys_trusted_workspace: boolean
  /** In a session with `trustWorkspace` every call is asked all the same, whatever the workspace's permission files say. */
  readonly asks_in_trusted_workspace: boolean
}

/** What a runtime claims that can be seen from outside. */
export interface Claims extends Omit<Capabilities, 'runtime' | 'models' | 'notes'>, Traits {
  /** What holds its calls in a session without the daemon's sandbox; `confinement` is what holds in one that asks for nothing. */
  readonly own_confinement: Confinement
}

/** A kind of tool in the events: the agent's own name for it, and what the daemon says it does. */
export interface ShownTool {
  readonly name: string
  readonly kind: ToolKind
}

/** Failures of an endpoint that every task must be told the same way, whatever the agent calls them. */
export type EndpointFault =
  | 'unauthorized'
  | 'bad_request'
  | 'rate_limited'
  | 'quota_used_up'
  | 'broken'
  | 'refused'
  | 'dropped'
  | 'hanging'
  | 'context_too_large'
  | 'unreachable'

/** All that the suite has to know of one runtime: its own words for things that every agent has. */
export interface Subject {
  /** Name of the runtime on the wire. */
  readonly runtime: string
  /** Name of the agent, as the table shows it. */
  readonly title: string
  readonly capabilities: Capabilities
  readonly traits: Traits
  /** Why a claim that keeps a cell from being played is false: one line each, for the table. */
  readonly reasons: Partial<Record<keyof Claims, string>>
  /** How the daemon gets to know the agent, where it does not know it by itself (`--agent name=command`). */
  readonly daemon?: { readonly args?: readonly string[]; readonly env?: Environment }
  /**
   * Body of a session in permission mode `ask` and credential namespace `test` whose model is behind this endpoint (the root URL of the
   * offline model, without a path). It tries a call of the model once more at most, so that faults are told soon.
   */
  session(about: { readonly cwd: string; readonly endpoint: string }): SessionBody

  // ---- how its calls look in the events
  readonly tools: {
    readonly shell: ShownTool
    readonly edit: ShownTool
    mcp(server: string, tool: string): ShownTool
    /** The part of a command's `input` that is the same wherever it runs; `{command}` but where the agent shows no native input. */
    shellInput(command: string, cwd: string): Readonly<Record<string, unknown>>
  }
  /** Its file tools refuse paths outside the workspace themselves, before anybody could be asked. */
  readonly refusesOutside: boolean
  /** Its tools refuse to edit a file that the model has not read: edits of a script are preceded by a read. */
  readonly readsFirst: boolean
  /** What it tells of tokens and prices. */
  readonly usage: {
    /** Counts that it never tells: they must be null, never 0. */
    readonly unknown: readonly ('cached_input_tokens' | 'reasoning_tokens')[]
    /** Whether it tells what the model of `session` costs. */
    readonly cost: boolean
  }
  /**
   * The pieces of a program's own output that stand in what the agent gave of it: its beginning, its end (both may be the whole), and how
   * many bytes between them the agent itself says it left out (null: it does not say).
   */
  kept(output: string): { readonly head: string; readonly tail: string; readonly omitted: number | null }

  // ---- how it is configured
  /** The part of `runtimeConfig` that gives it MCP servers, by name. */
  mcpServers(servers: Readonly<Record<string, McpServer>>): SessionBody
  /** The part of `runtimeConfig` that names the variable with the provider's key. */
  providerKey(variable: string): SessionBody
  /** A variable of the daemon's environment whose value is a credential of this agent. */
  readonly credentialVariable: string
  /** The part of `runtimeConfig` with which it soon gives up an endpoint that says nothing. */
  readonly impatience: SessionBody

  // ---- what goes wrong
  /** How long, at most, it tries an endpoint that fails again and again, where no setting makes that less. The table shows the reason. */
  readonly perseverance?: { readonly ms: number; readonly reason: string }
  /** Where the agent itself now and then tells something that is not so, which no setting ends: how often a cell may be played again. */
  readonly mistakes?: { readonly retries: number; readonly reason: string }
  /** Where it asks its model to go on after a stream broke, and not simply the same once more: a part of that prompt. */
  readonly takesUpWith?: string
  /** Failures that its provider tells in words of its own. */
  readonly faults: { readonly quotaUsedUp: FaultInput; readonly contextTooLarge: FaultInput }
  /** Where the agent hides what its endpoint said: what a task is told instead. The table shows the reason. */
  readonly hiddenFaults?: Partial<
    Record<EndpointFault, { readonly code: TaskErrorCode; readonly retryable: boolean; readonly reason: string }>
  >

  // ---- whom it must not obey
  /**
   * Writes the loosest configuration that a user of this agent could have, for the user and for the workspace. Programs that it names
   * (hooks, notifiers) write `<workspace>/notified`: there they can, also behind a wall.
   */
  allowEverything(home: string, workspace: string): Promise<void>
  /** Writes a login of the user, with this secret in it. */
  logIn(home: string, secret: string): Promise<void>
  /**
   * Writes into the workspace whatever this agent would obey of a repository: hooks, MCP servers, plugins and commands that touch
   * `<marker>-<which>`, and permission files that allow everything.
   */
  hostileRepository(workspace: string, marker: string): Promise<void>
  /** Hosts that it tries to reach although everything that can be switched off is off, each with the reason. Shown in the table. */
  readonly outsideConnections: readonly { readonly host: string; readonly reason: string }[]
}

export type McpServer =
  | { readonly command: string; readonly args: readonly string[]; readonly env?: Environment }
  | { readonly url: string }
