/** What an attack is told of the place: all that somebody could know, or guess, who wants to get out. */
export interface AttackContext {
  /** Unique to this attack in this raid: what it writes carries it, and what it says to a listener. */
  readonly tag: string
  /** Printed alone on a line it means: I got where I must not be. */
  readonly reached: string
  readonly workspace: string
  /** A directory of the daemon's user beside the workspace. */
  readonly outside: string
  /** A file there that is this attack's alone. */
  readonly target: string
  /** The home of the daemon's user. */
  readonly home: string
  readonly dataDir: string
  readonly node: string
  /** Two processes of the daemon's user that are no agents. */
  readonly victim: number
  readonly daemon: number
  readonly daemonUrl: string
  /** Listens on every address of this machine. */
  readonly port: number
  readonly udpPort: number
  /** An address of this machine that is not loopback. */
  readonly hostAddress: string
  readonly sockets: {
    readonly outside: string
    readonly abstract: string
    /** Of another daemon of the user. */
    readonly daemon: string
    /** In the workspace, opened before the agent was started, and after. */
    readonly early: string
    readonly late: string
  }
  /** Another session of the same daemon, whose agent is alive. */
  readonly neighbour: { readonly workspace: string; readonly home: string }
}

/** What can be seen from outside when the attack is over. */
export interface Evidence {
  readonly tag: string
  readonly reached: string
  /** Everything it printed. */
  readonly output: string
  /** Secrets that lie outside. */
  readonly canaries: readonly string[]
  /** What the listeners of the host were told. */
  readonly heard: readonly string[]
  /** Files outside the session's own places that carry the tag in their name or their content. */
  readonly marked: readonly string[]
}

export interface Attack {
  readonly name: string
  /** What somebody gains for whom it works. */
  readonly threat: string
  /** A script for `/bin/sh`, run by the agent's own shell tool. `need <program>` ends it where there is no such program. */
  readonly script: (context: AttackContext) => string
  /** Default: it printed `reached` or a canary, a listener heard it, or a file outside carries its tag. */
  readonly escaped?: (evidence: Evidence) => boolean
  /**
   * Who gets through without a wall: then it does get through, so that the attack is known to be one. `untried`: it would do harm there,
   * or it means something that only a wall has.
   */
  readonly withoutWall: 'everybody' | 'root' | 'nobody' | 'untried'
  /** Why it gets through the wall all the same, and for whom. The suite fails when it does not any more. */
  readonly gap?: { readonly reason: string; readonly only?: 'root' }
}

export function isEscape({ tag, reached, output, canaries, heard, marked }: Evidence): boolean {
  return (
    output.split('\n').includes(reached) ||
    canaries.some((canary) => output.includes(canary)) ||
    heard.some((said) => said.includes(tag)) ||
    marked.length > 0
  )
}
