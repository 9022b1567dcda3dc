import type { Rights } from './rights.ts'

/** A token that the owner gave somebody: the token, or its SHA-256 in lower-case hexadecimal. */
export type NamedToken = { readonly name: string; readonly rights: Rights } & (
  | { readonly token: string; readonly sha256: null }
  | { readonly token: null; readonly sha256: string }
)

/** Where named tokens come from. */
export interface TokenSource {
  /** Those in force now; the same array for as long as nothing has changed. */
  tokens(): readonly NamedToken[]
  /** Why what is written now is not in force; null when it is. */
  fault(): string | null
}
