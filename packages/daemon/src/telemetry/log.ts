import { destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino'
import type { Masker } from '../core/ports.ts'

export type Log = Logger

export interface LogOptions {
  readonly level: Level | 'silent'
  readonly masker: Masker
  /** Where finished lines go; stderr by default, since stdout carries the ready line alone. */
  readonly write?: (line: string) => void
}

/** JSON lines, one per record, safe to show in a terminal, without known secrets. Writing is synchronous: what was logged before a crash is there. */
export function createLog({ level, masker, write = toStderr() }: LogOptions): Log {
  const lines = { write: (line: string) => write(`${escapeControls(masker.mask(line.trimEnd()))}\n`) }
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, lines)
}

function toStderr(): (line: string) => void {
  const stderr = destination({ dest: 2, sync: true })
  return (line) => void stderr.write(line)
}

/** JSON escapes the C0 controls; what some terminals and line readers also act upon is escaped here (DEL, C1, line and paragraph separators, bidirectional marks). */
function escapeControls(json: string): string {
  return json.replace(/[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
