import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleRecord } from './core/testing/record.ts'
import { sampleEnv } from './core/testing/env.ts'
import { createEnclosures } from './enclosures.ts'
import { findWall } from './find-wall.ts'

const endpoint = 'https://api.example.com/v1'
const boundKeys = [{ variable: 'KEY', secret: 'sk-stored', endpoints: [endpoint] }]

test.each([false, true])(
  'a stored key leads nowhere but to its endpoint, neither as a key of a model nor as a token (wall: %s)',
  async (walled) => {
    if (walled && process.platform !== 'linux') return
    await using folder = await mkdtempDisposable(join(tmpdir(), 'enclosures-'))
    const wall = await findWall({ sandbox: 'auto' }, { scratch: folder.path, environment: { PATH: process.env['PATH'] } })
    const enclosures = createEnclosures({ directory: folder.path, environment: {}, wall, hidden: [], newId: () => 'id' })
    const { sandbox } = sampleRecord('sess_1')
    const session = { cwd: folder.path, sandbox: { ...sandbox, walled } }
    const env = sampleEnv({ home: folder.path, boundKeys, credentials: { KEY: 'sk-stored' } })
    await using enclosure = (await enclosures.open(session, env)).enclosure
    const open = (dialect: 'responses' | 'mcp', upstream: string, secret: string) =>
      enclosure.open({ name: `${dialect}-${String(upstream.length)}`, dialect, upstream, credential: { kind: 'bearer', secret } })
    expect(open('responses', endpoint, 'sk-stored').placeholder).not.toContain('sk-stored')
    for (const dialect of ['responses', 'mcp'] as const)
      expect(() => open(dialect, 'https://evil.example/v1', 'sk-stored')).toThrow(/is for https:\/\/api\.example\.com\/v1/)
    expect(open('mcp', 'https://hub.example', 'sk-of-the-session').url).toContain('http://127.0.0.1')
  },
)
