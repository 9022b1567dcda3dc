import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFolder, type TestFolder } from '../harness/workspace.ts'
import { codesdkd, host } from './testing/host.ts'

let folder: TestFolder
beforeAll(async () => {
  folder = await createFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const token = 'a-token-of-sixteen-characters'
let files = 0

/** A file of its own, with this content and mode. */
function file(content: string, mode = 0o600): string {
  const path = join(folder.path, `file-${files++}`)
  writeFileSync(path, content, { mode })
  return path
}

function linkTo(path: string): string {
  const link = join(folder.path, `link-${files++}`)
  symlinkSync(path, link)
  return link
}

interface Refusal {
  readonly args?: () => readonly string[]
  readonly env?: () => Readonly<Record<string, string>>
  readonly says: RegExp
}

/** What no start can make sense of: exit code 2, and one line that says what. More of the kind in config.test.ts, without a process for each. */
const refusals: Readonly<Record<string, Refusal>> = {
  'an unknown flag': { args: () => ['--prot', '1'], says: /Unknown option '--prot'/ },
  'an unknown runtime': { args: () => ['--runtimes', 'codex,cody'], says: /unknown runtime "cody"; there are: .*codex-sdk/ },
  'an unknown default runtime': {
    args: () => ['--default-runtime', 'cody'],
    says: /unknown default runtime "cody"; there are: .*codex-sdk/,
  },
  'a variable that makes no sense': {
    env: () => ({ CODESDKD_MAX_RUNNING_TASKS: 'many' }),
    says: /environment max-running-tasks: must be a number/,
  },
  'an unknown key of the config file': { args: () => ['--config', file('{"portt": 1}')], says: /unknown config file key "portt"/ },
  'an address of others without a token': { args: () => ['--host', '0.0.0.0'], says: /refusing to listen on 0\.0\.0\.0 without a token/ },
  'a token that the mode ignores': {
    args: () => ['--auth', 'same-user', '--token-file', file(token)],
    says: /a token was given, but --auth is same-user/,
  },
  'a token of the environment that is too short': { env: () => ({ CODESDKD_TOKEN: 'short' }), says: /the token must be 16 to 512/ },
  'a token file that others may read': { args: () => ['--token-file', file(token, 0o640)], says: /must belong to you with mode 0600/ },
  'a scenario file that is none': {
    args: () => ['--offline', '--offline-scenario', file('{"scenarios":[{"name":"!","prompt":"x","legs":[]}]}')],
    says: /scenarios\[0\]\.name: .*; .*scenarios\[0\]\.legs: /,
  },
  'a scenario file that is no JSON': { args: () => ['--offline', '--offline-scenario', file('scenarios')], says: /JSON/ },
}

describe.concurrent('what makes no sense is refused with exit code 2 and one line', () => {
  test.each(Object.entries(refusals))('%s', async (_what, { args = () => [], env = () => ({}), says }) => {
    const ended = await codesdkd(['--data-dir', join(folder.path, `unused-${files++}`), '--log-level', 'silent', ...args()], {
      XDG_CONFIG_HOME: folder.path,
      TMPDIR: folder.path,
      ...env(),
    })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(/^codesdkd: [^\n]+\n$/)
    expect(ended.stderr).toMatch(says)
    expect(ended.stderr).not.toContain(token)
  })
})

describe.concurrent('what the machine does not allow has an exit code of its own', () => {
  const start = (dataDir: string, ...args: string[]) => codesdkd(['--data-dir', dataDir, '--log-level', 'silent', ...args])

  async function refused(ended: ReturnType<typeof start>, code: number, says: RegExp): Promise<void> {
    expect(await ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^codesdkd: [^\n]+\n$/) as string })
    expect((await ended).stderr).toMatch(says)
  }

  test('69: the port is in use', async () => {
    await using other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = address === null || typeof address === 'string' ? 0 : address.port
    await refused(start(join(folder.path, 'port'), '--port', String(port)), 69, /cannot listen: the address is in use/)
  })

  test('69: the address is not ours', async () => {
    await refused(start(join(folder.path, 'address'), '--host', '192.0.2.1', '--auth', 'token'), 69, /cannot listen: /)
  })

  test('75: another daemon has the data directory; it goes on unharmed', async () => {
    const dataDir = join(folder.path, 'locked')
    await using first = host(['--data-dir', dataDir])
    const { url } = JSON.parse(await first.ready) as { url: string }
    await refused(start(dataDir), 75, new RegExp(`in use by process ${first.pid}\\.`))
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  test('73: the data directory is where nothing can be made', async () => {
    await refused(start('/proc/codesdkd/state'), 73, /cannot be used/)
  })

  test('2: a runtime that does not exist is told even where the data directory is in use', async () => {
    const dataDir = join(folder.path, 'taken')
    await using first = host(['--data-dir', dataDir])
    await first.ready
    await refused(start(dataDir, '--runtimes', 'nope'), 2, /unknown runtime "nope"/)
  })

  test('73: the data directory can be written by others, is a link, or is a file', async () => {
    const open = join(folder.path, 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    await refused(start(open), 73, /can be written by other users/)
    await refused(start(linkTo(folder.workspace)), 73, /is a symbolic link/)
    await refused(start(file('')), 73, /cannot be used/)
  })

  test('65: the database is damaged, and stays as it is', async () => {
    const dataDir = await usedDataDir('damaged')
    writeFileSync(join(dataDir, 'codesdkd.db'), Buffer.alloc(4096, 1))
    await refused(start(dataDir), 65, /codesdkd\.db/)
    await refused(start(dataDir), 65, /codesdkd\.db/)
  })

  test('78: the database is of a newer daemon', async () => {
    const dataDir = await usedDataDir('newer')
    const database = new DatabaseSync(join(dataDir, 'codesdkd.db'))
    database.exec('PRAGMA user_version = 999')
    database.close()
    await refused(start(dataDir), 78, /newer/)
  })

  async function usedDataDir(name: string): Promise<string> {
    const dataDir = join(folder.path, name)
    await using daemon = host(['--data-dir', dataDir])
    await daemon.ready
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toBe(0)
    return dataDir
  }
})
