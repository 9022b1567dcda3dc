import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Room -> the rooms it may import. What is not listed is forbidden; a room may always import itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol/src': [],
  'packages/offline-model/src': [],
  // Runs in a browser; what needs Node stands in a room of its own.
  'packages/client/src': ['packages/protocol/src'],
  'packages/client/src/node': ['packages/protocol/src', 'packages/client/src'],
  // The page: the public client, and nothing of the daemon.
  'packages/inspector/src/model': ['packages/protocol/src', 'packages/client/src'],
  'packages/inspector/src/parts': ['packages/protocol/src', 'packages/client/src', 'packages/inspector/src/model'],
  'packages/inspector/src/views': [
    'packages/protocol/src',
    'packages/client/src',
    'packages/inspector/src/model',
    'packages/inspector/src/parts',
  ],
  'packages/inspector/src': [
    'packages/protocol/src',
    'packages/client/src',
    'packages/inspector/src/model',
    'packages/inspector/src/parts',
    'packages/inspector/src/views',
  ],
  'packages/daemon/src/core': ['packages/protocol/src'],
  'packages/daemon/src/runtimes': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/storage': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/http': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/telemetry': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/sandbox': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/gateway': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/tools': ['packages/protocol/src', 'packages/daemon/src/core'],
  'packages/daemon/src/egress': ['packages/protocol/src', 'packages/daemon/src/core'],
  // An edge of its own: it writes files where storage keeps them.
  'packages/daemon/src/bundle': ['packages/protocol/src', 'packages/daemon/src/core', 'packages/daemon/src/storage'],
  // Short trials of an installed agent, through the port alone; in the homes that the edges make for it.
  'packages/daemon/src/verification': [
    'packages/protocol/src',
    'packages/offline-model/src',
    'packages/daemon/src/core',
    'packages/daemon/src/storage',
    'packages/daemon/src/installed',
    'packages/daemon/src',
  ],
  // The edges and the composition root: the only place that knows every room.
  'packages/daemon/src': [
    'packages/protocol/src',
    'packages/offline-model/src',
    'packages/daemon/src/core',
    'packages/daemon/src/runtimes',
    'packages/daemon/src/storage',
    'packages/daemon/src/http',
    'packages/daemon/src/telemetry',
    'packages/daemon/src/sandbox',
    'packages/daemon/src/gateway',
    'packages/daemon/src/egress',
    'packages/daemon/src/tools',
    'packages/daemon/src/bundle',
    'packages/daemon/src/verification',
    'packages/daemon/src/agents',
    'packages/daemon/src/configuration',
    'packages/daemon/src/places',
    'packages/daemon/src/installed',
    'packages/daemon/src/keys',
    'packages/daemon/src/cli',
  ],
  // The command line: it talks to a daemon as any program does.
  'packages/daemon/src/cli': [
    'packages/protocol/src',
    'packages/client/src',
    'packages/client/src/node',
    'packages/daemon/src/core',
    'packages/daemon/src/configuration',
    'packages/daemon/src',
  ],
  // Edges that the composition root puts together, each about one thing.
  'packages/daemon/src/configuration': [
    'packages/protocol/src',
    'packages/daemon/src/core',
    'packages/daemon/src/runtimes',
    'packages/daemon/src/tools',
  ],
  'packages/daemon/src/places': ['packages/protocol/src', 'packages/daemon/src/core', 'packages/daemon/src/runtimes'],
  'packages/daemon/src/installed': [
    'packages/protocol/src',
    'packages/daemon/src/core',
    'packages/daemon/src/runtimes',
    'packages/daemon/src/configuration',
  ],
  'packages/daemon/src/keys': [
    'packages/protocol/src',
    'packages/daemon/src/core',
    'packages/daemon/src/storage',
    'packages/daemon/src/configuration',
    'packages/daemon/src/installed',
    'packages/daemon/src',
  ],
  // A command of its own beside the daemon: it knows what the composition root knows.
  'packages/daemon/src/agents': [
    'packages/protocol/src',
    'packages/daemon/src/core',
    'packages/daemon/src/runtimes',
    'packages/daemon/src/storage',
    'packages/daemon/src/verification',
    'packages/daemon/src/configuration',
    'packages/daemon/src/installed',
    'packages/daemon/src/keys',
    'packages/daemon/src',
  ],
}

/** Modules from outside that a room may import; null = any that its package declares. */
const outside: Readonly<Record<string, readonly string[] | null>> = {
  'packages/protocol/src': ['zod'],
  'packages/client/src': ['@codesdkd/protocol', 'eventsource-parser'],
  // Hashes and character sets are computation; everything that touches the world comes through a port.
  'packages/daemon/src/core': [
    '@codesdkd/protocol',
    'canonicalize',
    'zod',
    'node:buffer',
    'node:crypto',
    'node:path',
    'node:timers/promises',
    'node:util',
  ],
}

const packages: Readonly<Record<string, string>> = {
  '@codesdkd/protocol': 'packages/protocol/src',
  '@codesdkd/client': 'packages/client/src',
  '@codesdkd/offline-model': 'packages/offline-model/src',
}
const root = resolve(import.meta.dirname, '..')
const files = await Array.fromAsync(
  glob('packages/*/src/**/*.{ts,tsx}', { cwd: root, exclude: (name) => name.endsWith('.test.ts') || name.endsWith('/testing') }),
)

function roomOf(file: string): string {
  return (
    Object.keys(allowed)
      .filter((room) => file.startsWith(`${room}/`))
      .toSorted((a, b) => b.length - a.length)[0] ?? file
  )
}

function importsOf(file: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8')
  return [...source.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|\bimport\('([^']+)'\)/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  )
}

describe('the layering', () => {
  test('covers every source file', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.map(roomOf).filter((room) => !Object.hasOwn(allowed, room))).toEqual([])
  })

  test.each(Object.keys(allowed))('%s imports only the rooms below it', (room) => {
    const wrong = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) =>
        importsOf(file).flatMap((target) => {
          const other = /^\..*\.tsx?$/.test(target)
            ? roomOf(relative(root, join(root, dirname(file), target)))
            : packages[target.split('/').slice(0, 2).join('/')]
          return other === undefined || other === room || allowed[room]?.includes(other) === true ? [] : [`${file} -> ${target}`]
        }),
      )
    expect(wrong).toEqual([])
  })

  test.each(Object.entries(outside))('%s stays pure', (room, modules) => {
    const foreign = files
      .filter((file) => roomOf(file) === room)
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => !target.startsWith('.') && modules?.includes(target) === false)
          .map((target) => `${file} -> ${target}`),
      )
    expect(foreign).toEqual([])
  })

  test('runtimes do not import each other', () => {
    const runtimes = 'packages/daemon/src/runtimes/'
    const agentOf = (file: string) => /^([^/]+)\/[^/]+$/.exec(file.slice(runtimes.length))?.[1]
    const wrong = files
      .filter((file) => file.startsWith(runtimes))
      .flatMap((file) =>
        importsOf(file).flatMap((target) => {
          const other = relative(root, join(root, dirname(file), target))
          const [from, to] = [agentOf(file), other.startsWith(runtimes) ? agentOf(other) : undefined]
          // Agents that speak one protocol share its driver.
          const shared = to === 'acp' && (from === 'gemini' || from === 'opencode')
          return from !== undefined && to !== undefined && from !== to && !shared ? [`${file} -> ${target}`] : []
        }),
      )
    expect(wrong).toEqual([])
  })
})
