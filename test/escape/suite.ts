import { describe, expect, test } from 'vitest'
import type { Subject } from '../conformance/subject.ts'
import type { Attack } from './attack.ts'
import { attacks } from './attacks.ts'
import { openField } from './field.ts'
import { raid, type Outcome, type RaidOptions } from './raid.ts'

const root = process.getuid?.() === 0
/** Root is tried as an ordinary user too, where that is asked for. */
const users = (both: boolean): readonly number[] => (root ? (both ? [0, 65_534] : [0]) : [process.getuid?.() ?? -1])

/** Registers every attack on one agent: with the wall nothing of them works but the gaps, without it those that are attacks there. */
export function testEscapes(subject: Subject, { asOrdinaryUser = false }: { readonly asOrdinaryUser?: boolean } = {}): void {
  describe.skipIf(process.platform !== 'linux').each(users(asOrdinaryUser))(`${subject.title}, under a daemon of uid %i`, (user) => {
    test.each(['auto', 'yolo'] as const)('gets nowhere from behind the wall in mode %s', async (mode) => {
      await expectRaid(subject, user, { walled: true, mode, attacks })
    })

    // Codex has a sandbox of its own, which it leaves off in this mode.
    test('gets where it can without a wall', async () => {
      await expectRaid(subject, user, { walled: false, mode: 'yolo', attacks })
    })
  })
}

async function expectRaid(subject: Subject, user: number, options: RaidOptions): Promise<void> {
  await using field = await openField(subject, user)
  await using daemon = await field.start()
  await using _ = await field.startOther()
  const results = await raid(field, daemon, options)
  const expected = new Map<string, Outcome>(
    Object.values(options.attacks)
      .flat()
      .filter(({ withoutWall }) => options.walled || withoutWall !== 'untried')
      .map((attack) => [attack.name, works(attack, user, options) ? 'escaped' : 'held']),
  )
  const wrong = [...results].filter(([name, { outcome }]) => outcome !== expected.get(name))
  const outcomes = [...results].map(([name, { outcome }]) => [name, outcome])
  expect(Object.fromEntries(outcomes), JSON.stringify(Object.fromEntries(wrong), null, 1)).toEqual(Object.fromEntries(expected))
}

/** Whether an attack is known to get through. */
function works({ gap, withoutWall }: Attack, user: number, { walled }: RaidOptions): boolean {
  if (walled) return gap !== undefined && (gap.only === undefined || user === 0)
  return withoutWall === 'everybody' || (withoutWall === 'root' && user === 0)
}
