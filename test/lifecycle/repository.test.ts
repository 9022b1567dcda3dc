import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './testing/host.ts'

const tracked = existsSync(join(root, '.git'))
  ? execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
      .split('\0')
      .filter((name) => name !== '' && existsSync(join(root, name)))
  : []

describe.runIf(tracked.length > 0)('what is committed', () => {
  test('names no place of the machine it was written on', () => {
    // A path begins where no other part of one stands before it.
    const places = [root, ...(homedir() === '/root' ? [] : [homedir()])].map(
      (place) => new RegExp(`(?<![\\w.~/-])${RegExp.escape(place)}/`),
    )
    const found = tracked.filter((name) => places.some((place) => place.test(readFileSync(join(root, name), 'latin1'))))
    expect(found).toEqual([])
    expect(tracked.filter((name) => hostname().length > 8 && readFileSync(join(root, name), 'latin1').includes(hostname()))).toEqual([])
  })

  test('holds no data of a run and nothing that was installed', () => {
    expect(tracked.filter((name) => /(^|\/)(node_modules|coverage|\.demo)\/|\.(db|sqlite|log|tgz)$/.test(name))).toEqual([])
  })
})

test('package-lock.json names no registry, since each machine has its own, and the hash of every package', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; link?: boolean; integrity?: string }>
  }
  const installed = Object.entries(lock.packages).filter(([name, { link }]) => name.includes('node_modules/') && link !== true)
  expect(installed.length).toBeGreaterThan(50)
  expect(
    installed.filter(([, { resolved, integrity }]) => resolved !== undefined || integrity === undefined).map(([name]) => name),
  ).toEqual([])
})
