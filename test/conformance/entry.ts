import { isDeepStrictEqual } from 'node:util'
import type { Cell } from './cell.ts'
import type { Claims, Subject } from './subject.ts'

/** What the table has to know of one cell and one runtime: plain data, on its way from the test to the reporter. */
export interface Entry {
  readonly cell: string
  readonly runtime: string
  /** It is true of this runtime alone. */
  readonly quirk: boolean
  readonly remark: string | null
  /** Claims whose false value is why the cell is not played: another cell proves each to be false. */
  readonly denies: readonly (keyof Claims)[]
  /** Claims because of which the cell has nothing to say about this runtime, as `name: value`. */
  readonly others: readonly string[]
  readonly reasons: Subject['reasons']
}

declare module 'vitest' {
  interface TaskMeta {
    conformance?: Entry
    agent?: { readonly title: string; readonly version: string }
  }
}

export function claimsOf({ capabilities, traits }: Subject): Claims {
  const { runtime: _name, models: _models, notes: _notes, ...claims } = capabilities
  // The daemon has a sandbox for every agent.
  return { ...claims, ...traits, confinement: 'sandbox', own_confinement: capabilities.confinement }
}

/** Whether the cell is played by this runtime. */
export function fits(cell: Cell, subject: Subject): boolean {
  return unmetBy(cell, subject).length === 0
}

export function toEntry(cell: Cell, subject: Subject, quirk: boolean): Entry {
  const claims = claimsOf(subject)
  const missed = unmetBy(cell, subject)
  return {
    cell: cell.name,
    runtime: subject.runtime,
    quirk,
    remark: cell.remark?.(subject) ?? null,
    denies: missed.filter((claim) => cell.needs?.[claim] === true),
    others: missed.filter((claim) => cell.needs?.[claim] !== true).map((claim) => `${claim}: ${JSON.stringify(claims[claim])}`),
    reasons: subject.reasons,
  }
}

/** The claims because of which the cell is not played by this runtime. */
export function unmetBy({ needs = {} }: Cell, subject: Subject): readonly (keyof Claims)[] {
  const claims = claimsOf(subject)
  // Object.keys knows only strings.
  return (Object.keys(needs) as (keyof Claims)[]).filter((claim) => !isDeepStrictEqual(claims[claim], needs[claim]))
}
