import { Problem } from '@codesdkd/protocol'

/** The problems of who asks for what is not there. What was asked for is repeated, in bounds. */

export function sessionNotFound(sessionId: string): Problem {
  return new Problem('session_not_found', 'There is no session with this id.', { members: { session_id: sessionId.slice(0, 200) } })
}

export function unknownCursor(what: string, cursor: string | null): Problem {
  return new Problem('invalid_cursor', `The cursor names no ${what}.`, { members: { after: String(cursor).slice(0, 200) } })
}
