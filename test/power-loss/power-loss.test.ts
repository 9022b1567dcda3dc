import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFolder } from '../harness/workspace.ts'
import { Disk } from './disk.ts'
import { examine } from './examine.ts'
import { createRandom, toFates } from './fates.ts'
import { record, type Recording } from './recording.ts'
import { findLogIds, findShown, type Shown } from './shown.ts'

const images = Number(process.env['POWER_LOSS_IMAGES'] ?? 330)
const rounds = Number(process.env['POWER_LOSS_ROUNDS'] ?? 2)
const seed = Number(process.env['POWER_LOSS_SEED'] ?? 1)

/**
 * Places in the record at which the power goes: right after something was shown, and anywhere else. The first things that were shown are
 * always among them: then nothing has synced by chance what should have been synced by intent.
 */
function toCuts({ ops }: Recording, shown: readonly Shown[], count: number, random: () => number): readonly number[] {
  const after = shown.map(({ position }) => position)
  const writes = ops.flatMap(({ kind }, index) => (kind === 'send' ? [] : [index]))
  const places = [...new Set([...after, ...writes])]
  const chosen = new Set(after.slice(0, 8))
  while (chosen.size < Math.min(count, places.length)) chosen.add(places[Math.floor(random() * places.length)] ?? 0)
  return [...chosen].toSorted((a, b) => a - b)
}

test(
  'a power cut at any moment takes no decision, no end and nothing that was acknowledged, and what it takes it tells',
  { timeout: 24 * 3_600_000 },
  async () => {
    await using folder = await createFolder()
    const recording = await record(folder, rounds)
    const { root, ops } = recording
    const shown = findShown(ops)
    const named = findLogIds(ops)
    expect(shown.filter(({ event }) => event.type === 'tool.call.approved').length).toBeGreaterThan(5)
    const truth = new Map(shown.map(({ sessionId, seq, json }) => [`${sessionId} ${seq}`, json]))
    const random = createRandom(seed)
    const fates = Object.entries(toFates(random))
    const cuts = toCuts(recording, shown, Math.ceil(images / fates.length), random)
    // Where there is a memory file system, no real disk has to sync all those images.
    const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'power-loss-'))
    const disk = new Disk(root)
    const faults: string[] = []
    let [opened, oldest, applied] = [0, 0, 0]
    try {
      for (const cut of cuts) {
        for (; applied <= cut; applied += 1) if (ops[applied] !== undefined) disk.apply(ops[applied] as (typeof ops)[number])
        const seen = shown.filter(({ position }) => position <= cut)
        const logIds = named.filter(({ position }) => position <= cut).map(({ logId }) => logId)
        for (const [name, fate] of fates) {
          const target = join(scratch, String((opened += 1)))
          mkdirSync(target)
          disk.write(target, fate)
          const verdict = await examine({ path: join(target, 'state'), shown: seen, logIds, truth })
          faults.push(...verdict.faults.map((fault) => `cut ${cut} of ${ops.length}, ${name} (seed ${seed}): ${fault}`))
          for (const { at } of verdict.lost) oldest = Math.max(oldest, (ops[cut]?.at ?? at) - at)
          rmSync(target, { recursive: true })
        }
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
    const figures = `${opened} images of ${cuts.length} cuts in ${ops.length} steps, ${shown.length} events shown, ${faults.length} violations, oldest loss ${Math.round(oldest)} ms, seed ${seed}`
    process.stdout.write(`power loss: ${figures}\n`)
    expect([...new Set(faults)].slice(0, 20)).toEqual([])
  },
)
