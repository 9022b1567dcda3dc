import { destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino'
import type { Masker } from '../core/ports.ts'

export type Log = Logger

export interface LogOptions {
  readonly level: Level | 'silent'
  readonly masker: Pick<Masker, 'mask'>
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

/** JSON leaves some characters as they are that terminals and line readers act upon: DEL, C1 controls, separators, marks of direction. */
function escapeControls(json: string): string {
  return json.replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
