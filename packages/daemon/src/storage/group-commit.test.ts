import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Durability } from '../core/ports.ts'
import { GroupCommit, type Committable } from './group-commit.ts'

interface Numbered extends Committable {
  readonly number: number
}

function change(number: number, durability: Durability = 'lazy', bytes = 100): Numbered {
  return { number, durability, bytes }
}

/** A medium that can be made to refuse, and says when it is asked to write. */
function createMedium() {
  const commits: { readonly numbers: readonly number[]; readonly durability: Durability }[] = []
  let asked = Promise.withResolvers<void>()
  const medium = {
    commits,
    broken: false,
    attempts: 0,
    /** Resolves at the next attempt to commit. */
    next: () => asked.promise,
    commit: (changes: readonly Numbered[], durability: Durability): void => {
      medium.attempts += 1
      asked.resolve()
      asked = Promise.withResolvers()
      if (medium.broken) throw new Error('the medium is broken')
      commits.push({ numbers: changes.map(({ number }) => number), durability })
    },
  }
  return medium
}

test('changes of one turn share a commit, in order; one synced change syncs all', async () => {
  const medium = createMedium()
  using commits = new GroupCommit<Numbered>({ commit: medium.commit })
  await Promise.all([commits.push(change(1)), commits.push(change(2, 'synced')), commits.push(change(3))])
  await commits.push(change(4))
  expect(medium.commits).toEqual([
    { numbers: [1, 2, 3], durability: 'synced' },
    { numbers: [4], durability: 'lazy' },
  ])
})

test('a promise resolves after its commit, not before', async () => {
  const medium = createMedium()
  using commits = new GroupCommit<Numbered>({ commit: medium.commit })
  const done = commits.push(change(1)).then(() => medium.commits.length)
  expect(medium.commits).toEqual([])
  expect(await done).toBe(1)
})

test('lazy changes are synced by a commit of their own', async () => {
  const medium = createMedium()
  using commits = new GroupCommit<Numbered>({ commit: medium.commit, syncMs: 1 })
  await Promise.all([commits.push(change(1)), commits.push(change(2))])
  await medium.next()
  expect(medium.commits).toEqual([
    { numbers: [1, 2], durability: 'lazy' },
    { numbers: [], durability: 'synced' },
  ])
})

test('a large batch is cut, and one large change still goes through', async () => {
  const medium = createMedium()
  using commits = new GroupCommit<Numbered>({ commit: medium.commit })
  await Promise.all([1, 2, 3, 4].map((number) => commits.push(change(number, 'lazy', number === 4 ? 9_000_000 : 500_000))))
  expect(medium.commits.map(({ numbers }) => numbers)).toEqual([[1, 2], [3], [4]])
})

describe('a medium that refuses', () => {
  test('keeps everything in line, and is asked again until it takes it', async () => {
    const medium = createMedium()
    medium.broken = true
    using commits = new GroupCommit<Numbered>({ commit: medium.commit, retryMs: [1, 2] })
    const first = commits.push(change(1, 'synced'))
    await medium.next()
    await nextTurn()
    expect(commits.failing).toBe(true)
    const later = [commits.push(change(2)), commits.push(change(3))]
    for (let attempt = 0; attempt < 5; attempt++) await medium.next()
    expect(medium.commits).toEqual([])
    medium.broken = false
    await Promise.all([first, ...later])
    expect(medium.commits.flatMap(({ numbers }) => numbers)).toEqual([1, 2, 3])
    expect(commits.failing).toBe(false)
  })

  test('is also asked again for a sync that nothing else waits for', async () => {
    const medium = createMedium()
    using commits = new GroupCommit<Numbered>({ commit: medium.commit, syncMs: 1, retryMs: [1, 2] })
    await commits.push(change(1))
    medium.broken = true
    await medium.next()
    await nextTurn()
    expect(commits.failing).toBe(true)
    medium.broken = false
    await medium.next()
    expect(medium.commits.at(-1)).toEqual({ numbers: [], durability: 'synced' })
    expect(commits.failing).toBe(false)
  })
})

describe('the end', () => {
  test('commits what waits', async () => {
    const medium = createMedium()
    const commits = new GroupCommit<Numbered>({ commit: medium.commit })
    const waiting = [commits.push(change(1)), commits.push(change(2))]
    commits[Symbol.dispose]()
    await Promise.all(waiting)
    expect(medium.commits.map(({ numbers }) => numbers)).toEqual([[1, 2]])
  })

  test('rejects what the medium does not take, and what comes later', async () => {
    const medium = createMedium()
    medium.broken = true
    const commits = new GroupCommit<Numbered>({ commit: medium.commit })
    const waiting = commits.push(change(1))
    commits[Symbol.dispose]()
    await expect(waiting).rejects.toMatchObject({ code: 'shutting_down' })
    await expect(commits.push(change(2))).rejects.toMatchObject({ code: 'shutting_down' })
    expect(medium.attempts).toBe(1)
  })
})
