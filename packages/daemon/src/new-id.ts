import { randomFillSync } from 'node:crypto'

const BYTES = 16
/** Each request has an id: asking the system for a few bytes at a time would cost more than the rest of an answer. */
const pool = Buffer.alloc(256 * BYTES)
let at = pool.length

/** 128 random bits as 32 hex digits: ids of sessions and artifacts cannot be guessed. */
export function newId(): string {
  if (at === pool.length) {
    randomFillSync(pool)
    at = 0
  }
  const id = pool.toString('hex', at, at + BYTES)
  // What was given away is not kept.
  pool.fill(0, at, at + BYTES)
  at += BYTES
  return id
}
