export * from './runtime-port.ts'
export * from './storage-port.ts'

/** Sources of what is not deterministic; parameters of the composition root. */
export interface Clock {
  /** Wall time as RFC 3339 UTC with milliseconds. */
  now(): string
  /** Monotonic milliseconds. */
  monotonic(): number
}

export type NewId = () => string

/** Facts about the file system that policy needs. */
export interface Workspace {
  /** Real path of an existing path, or of its nearest existing parent joined with the rest; null when it cannot be told. */
  realPath(path: string): Promise<string | null>
  /** True unless it is certain that `git status|diff|log|show` in this directory runs no program through configuration. */
  gitRunsPrograms(directory: string): Promise<boolean>
  /** Real paths of the work tree and the stores that git reads in this directory; null when there is no repository or it cannot be told. */
  gitDirectories(directory: string): Promise<readonly string[] | null>
}

/** Replaces known secrets before anything is stored. */
export interface Masker {
  /** Adds exact values that must never be stored; values under 8 characters are ignored. */
  add(values: Iterable<string>): void
  /** An event's JSON with every known value in its payload masked; returns the same string when none occurs. */
  mask(json: string): string
  /** Any other text with every known value masked. */
  maskText(text: string): string
  /** How many characters at the end of a text may begin a known value that goes on in the next piece of its stream. */
  heldBack(text: string): number
}
