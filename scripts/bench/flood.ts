/** What the stand-in agent is asked to write in one turn. It travels as the text of the task, so that daemon and ceiling pass it on alike. */
export interface Flood {
  readonly events: number
  /** Characters of each delta, the timestamp included. */
  readonly bytes: number
  /** Events a second; 0: as fast as they are taken. */
  readonly rate: number
}

/** A model writes messages of about this many deltas; each is told once more as a whole when it ends. */
export const deltasPerMessage = 200

/** Stands before and behind the nanoseconds of the machine's monotonic clock at which a delta was written. */
export const stampMark = '@'

export function toPrompt(flood: Flood): string {
  return JSON.stringify({ flood })
}

/** Null for the text of a task that asks for no flood. */
export function fromPrompt(text: string): Flood | null {
  const found = /\{"flood":(\{[^}]*\})\}/.exec(text)?.[1]
  return found === undefined ? null : (JSON.parse(found) as Flood)
}

export function flatOut(events: number): Flood {
  return { events, bytes: 40, rate: 0 }
}

export function paced(rate: number, seconds: number): Flood {
  return { events: Math.ceil(rate * seconds), bytes: 40, rate }
}
