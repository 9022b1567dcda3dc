import type { Command, EnclosedCommand } from '../core/enclosure.ts'

/** Where the model gateway is, seen from inside a wall with a network of its own. */
export const gatewayUrl = 'http://127.0.0.1:8080'
/** Where the egress proxy is, seen from there. */
export const egressUrl = 'http://127.0.0.1:3128'

/** What one session's agent finds inside. Absolute paths; what does not exist is left out. */
export interface Place {
  /** A real path. */
  readonly workspace: string
  /** Directories beside the workspace: those that the session asked for, and the session's own home. Real paths. */
  readonly writable: readonly string[]
  /** Files and directories that the session may read besides. Real paths. */
  readonly readable: readonly string[]
  /** The same by the names that programs have for them, which may lead over links: no agent can change these. */
  readonly named: readonly string[]
  /** What is never shown, wherever it lies, but for the session's own places inside it: the data directory, configuration, tokens, sockets. */
  readonly hidden: readonly string[]
  /** A directory (0700) of this session alone with `gateway.sock` and `egress.sock`; the wall adds a folder of its own. Removed by its maker. */
  readonly sockets: string
  /** For a wall without a network of its own (`seatbelt`): where the gateway and the egress proxy listen on 127.0.0.1. */
  readonly ports?: readonly number[]
}

/** An operating system's sandbox around whole process trees. */
export interface Wall {
  readonly kind: 'bubblewrap' | 'seatbelt'
  /**
   * The command as it has to be spawned. Its standard streams, its exit code and its environment pass through; a death by signal n
   * shows as exit code 128 + n. Nothing of it outlives the process that is spawned. Throws for a place that cannot be prepared.
   */
  enclose(command: Command, place: Place): EnclosedCommand
  /** Takes away what was made on the host for this place, as far as no other one needs it. Call it when nothing inside runs any more. Never throws. */
  release(place: Pick<Place, 'sockets'>): void
}

/** The wall of this machine; or why there is none, and what to do about it, in plain sentences. */
export type WallState = { readonly wall: Wall } | { readonly wall: null; readonly reason: string; readonly remedy: string }
