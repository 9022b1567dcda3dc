import { beforeAll, expect, test } from 'vitest'
import { attacks, type Attack, type Standing } from './attacks.ts'
import type { BrowserName } from './browser.ts'
import { daemonNames, raid, type Outcome, type Raid, type TargetName } from './raid.ts'

/** What the page got, but for the words with which it was refused: under the server's own name and port it can read those. */
function lootOf({ loot }: Outcome): string {
  return loot.includes('urn:codesdkd:error:host_not_allowed') ? '' : loot
}

/** Whether the attack did to a server without gates what it is there for. */
function succeeded({ does }: Attack, outcome: Outcome): boolean {
  if (does === 'learns') return lootOf(outcome) !== ''
  return does === 'acts' ? outcome.changed : outcome.arrived
}

/** Registers one test for each attack of a hostile page in this browser, from each place where it may stand. */
export function testRaid(browser: BrowserName): void {
  let played: Raid
  beforeAll(async () => {
    played = await raid(browser)
  }, 300_000)

  const rows = attacks
    .filter(({ browsers }) => browsers.includes(browser))
    .flatMap((attack) => attack.standings.map((standing) => ({ attack, standing, name: attack.name })))

  function outcome(standing: Standing, attack: Attack, target: TargetName): Outcome {
    const found = played.outcome(standing, attack.name, target)
    if (found === undefined) throw new Error(`${attack.name} was not played on ${target}`)
    return found
  }

  test.each(rows)('$standing: $name', ({ attack, standing }) => {
    // Else the row would prove nothing.
    const control = outcome(standing, attack, 'no-gates')
    expect(succeeded(attack, control), `on a server without gates: ${control.note || JSON.stringify(control)}`).toBe(true)
    for (const target of daemonNames) {
      const seen = outcome(standing, attack, target)
      const welcome = attack.granted && target === 'opened'
      expect({ target, loot: lootOf(seen) !== '', changed: seen.changed, counted: welcome || !attack.counted || seen.refused > 0 }).toEqual(
        {
          target,
          loot: welcome,
          changed: false,
          counted: true,
        },
      )
    }
    // Pages of other sites read nothing of an answer with these headers, gate or not.
    if (standing !== 'rebound') expect(lootOf(outcome(standing, attack, 'no-gates-our-headers'))).toBe('')
  })
}
