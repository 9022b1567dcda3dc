/** Primary result codes of SQLite that mean something here. */
export const sqliteCodes = { error: 1, busy: 5, corrupt: 11, notADatabase: 26 } as const

/** With codes: true for those primary result codes only. */
export function isSqliteError(error: unknown, ...codes: readonly number[]): error is Error & { errcode: number } {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return false
  return codes.length === 0 || codes.includes(error.errcode & 0xff)
}

/** SQLite reports a full disk as such (SQLITE_FULL), but an exhausted quota as any write that failed (SQLITE_IOERR_WRITE). */
export function isOutOfRoom(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === 13 || error.errcode === 778)
}
