/** The command line makes no sense: one line that says why, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
