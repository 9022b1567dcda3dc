/** Why the daemon cannot start: code -> exit code, as sysexits.h has them. */
export const startFailures = {
  /** A flag, a variable or a key of the config file makes no sense, or the system is not supported. */
  invalid_config: 2,
  /** The address cannot be listened on: it is in use, or not ours. */
  listen_failed: 69,
  /** No agent may run without a sandbox, and there is none. */
  sandbox_unavailable: 69,
  /** The file is no support bundle, is damaged, or was made by a newer daemon. */
  invalid_bundle: 65,
  /** The database is damaged, cut short or gone. It is never replaced by an empty one. */
  database_corrupt: 65,
  /** The data directory belongs to someone else, can be written by others, or cannot be written at all. */
  data_dir_unusable: 73,
  /** Another daemon holds the data directory; `pid` says which, where it is known. */
  data_dir_locked: 75,
  /** The database was written by a newer daemon; it was not touched. */
  schema_too_new: 78,
} as const

export type StartFailureCode = keyof typeof startFailures

export interface StartFailureOptions {
  /** What the report of the failure carries beside its message: `path`, `pid` … */
  readonly members?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** A reason not to start that the user can do something about; the message says what. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
  readonly code: StartFailureCode
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: StartFailureCode, message: string, options: StartFailureOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.members = options.members ?? {}
  }

  get exitCode(): number {
    return startFailures[this.code]
  }
}
