import type { Receipt } from '@codesdkd/protocol'
import type { TaskHost, ToolHost } from './task-host.ts'

/** What is spoken on a route: it decides which methods and paths there are, where a credential goes and how tokens are counted. */
export type Dialect = 'messages' | 'responses' | 'chat_completions' | 'generate_content' | 'mcp'

/** One endpoint outside that an agent needs: its model, or an MCP server over HTTP that the session names. */
export interface Route {
  /** Unique in its session; `[a-z0-9_-]{1,80}`. */
  readonly name: string
  readonly dialect: Dialect
  /** Base URL as the agent itself would use it: what the agent asks for is added to its path. */
  readonly upstream: string
  /** `bearer`: an Authorization header; `key`: the header in which the dialect carries its keys. Null: nothing is added, and nothing removed. */
  readonly credential: { readonly kind: 'bearer' | 'key'; readonly secret: string } | null
  /** Further headers that are set on each request; secret as well. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What the agent is given in place of an endpoint and its key. */
export interface Passage {
  /** Stands for the route's `upstream`; without a slash at its end. */
  readonly url: string
  /** Stands for the credential: the agent has to present it, in whatever header it likes; it is worth nothing elsewhere. */
  readonly placeholder: string
}

/** The same for the daemon's own MCP server, which agents can also have over stdio. */
export interface ToolPassage extends Passage {
  /** A program that passes stdio on to it; the placeholder is in its environment. */
  readonly stdio: { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }
}

/** A program that is to be started. */
export interface Command {
  /** Absolute path. */
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Files and directories that it has to read beside those of the session: above all its own program files. */
  readonly readable: readonly string[]
  /** Files that it has to write beside those of the session: login files that it refreshes. They exist. */
  readonly writable: readonly string[]
}

/** A program as it has to be spawned so that it runs inside. */
export interface EnclosedCommand extends Pick<Command, 'program' | 'args' | 'cwd' | 'env'> {
  /** How many processes stand between the one that is spawned and the program itself: a signal for the program has to go past them. */
  readonly depth: number
}

/** A file that changed during a task and that other programs obey. */
export type Planted = NonNullable<Receipt['planted_configuration']>[number]

/**
 * What stands around the processes of one session's agent, and the ways that lead through it. Made before the agent starts;
 * disposing it after the agent's end removes everything that was made for it.
 */
export interface Enclosure extends AsyncDisposable {
  /** True when an operating system's sandbox holds the whole process tree. */
  readonly walled: boolean
  /** Opens a way to an endpoint. Call it before the agent starts. */
  open(route: Route): Passage
  /** The way to the MCP server with the tools of `SessionSpec.tools`: the daemon's own, over streamable HTTP. */
  tools(): ToolPassage
  /** Lets the agent reach these hosts (`name` or `name:port`) by itself: those of a provider whose login it keeps in files. */
  allow(hosts: readonly string[]): void
  enclose(command: Command): EnclosedCommand
  /** The task that questions and observations of this enclosure belong to; null between tasks: then nobody is asked. */
  attend(task: AttendedTask | null): void
}

export interface AttendedTask {
  readonly host: Pick<TaskHost, 'ask' | 'observe'>
  readonly tools: ToolHost
  /** Why every host that the session does not allow is denied, without anybody being asked; null where a person is asked. */
  readonly hostsDenied: string | null
}
