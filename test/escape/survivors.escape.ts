import { execFile } from 'node:child_process'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { play } from '../conformance/round.ts'
import { shell, toScenarios } from '../conformance/script.ts'
import { claude } from '../conformance/subjects/claude.ts'
import { codex } from '../conformance/subjects/codex.ts'
import { gemini } from '../conformance/subjects/gemini.ts'
import { opencode } from '../conformance/subjects/opencode.ts'
import { qwen } from '../conformance/subjects/qwen.ts'
import type { DaemonProcess } from '../harness/daemon.ts'
import { openField, type Field } from './field.ts'

/** A promise of the wall: so long after the end of an agent nothing of it is alive. Processes are looked for until then. */
const graceMs = 1_000

/** How many ways there are to slip away from a shell, and how many of them take off the mark that an agent's processes have. */
const ways = 5
const unmarked = 3

/** Every way to slip away, each a process that says what it is in its arguments. The shell stays until they have been counted. */
const slip = (mark: string) => `
sleeper() { exec "$@" sh -c 'while :; do sleep 1; done' "${mark}"; }
(sleeper setsid) > /dev/null 2>&1 < /dev/null &
(sleeper nohup) > /dev/null 2>&1 < /dev/null &
( (sleeper env -i PATH=/usr/bin:/bin setsid) & ) > /dev/null 2>&1 < /dev/null
(trap '' TERM INT HUP; cd /; sleeper env -i PATH=/usr/bin:/bin setsid -f) > /dev/null 2>&1 < /dev/null
perl -e 'fork and exit; require POSIX; POSIX::setsid(); fork and exit; chdir "/"; %ENV = (PATH => "/usr/bin:/bin"); $SIG{$_} = "IGNORE" for qw(TERM INT HUP); exec "sh", "-c", "while :; do sleep 1; done", "${mark}"' > /dev/null 2>&1 < /dev/null
i=0; while [ ! -e counted ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done`

describe.skipIf(process.platform !== 'linux').each([codex, claude, gemini, opencode, qwen])('nothing of $title outlives', (subject) => {
  test.each([
    { name: 'its idle time', args: ['--agent-idle-timeout', '1'], end: () => Promise.resolve() },
    { name: 'the end of the daemon', args: [], end: async (daemon: DaemonProcess) => void (await daemon.end()) },
    { name: 'the violent end of the daemon', args: [], end: async (daemon: DaemonProcess) => void (await daemon.end('SIGKILL')) },
  ])('$name', { timeout: 120_000 }, async ({ name, args, end }) => {
    await using field = await openField(subject, process.getuid?.() ?? -1)
    // Without what templates would put there already.
    await promisify(execFile)('git', ['init', '--quiet', '--template=', field.folder.workspace])
    await field.own()
    const before = await readLeftovers(field)
    await using daemon = await field.start(args)
    const mark = `survivor-${field.abstract}`
    await writeFile(join(field.folder.workspace, 'slip.sh'), slip(mark))
    field.model.setScenarios(toScenarios({ slip: [{ tools: [shell('sh slip.sh')] }, { text: 'Slipped.' }] }))
    const body = {
      ...subject.session({ cwd: field.folder.workspace, endpoint: field.model.url }),
      permissionMode: 'auto',
      sandbox: 'require',
    }
    const ended = play(daemon.client, body, 'slip')
    // So they do slip away: what follows would mean nothing otherwise.
    await vi.waitUntil(async () => (await marked(mark)).length === ways, { timeout: 60_000 })
    if (name !== 'its idle time') expect((await readLeftovers(field)).repository).toEqual(['commondir', 'config.worktree', 'hooks'])
    await writeFile(join(field.folder.workspace, 'counted'), '')
    expect((await ended).end).toMatchObject({ type: 'task.completed' })
    // What of them can be found ends with the task: the rest is left to the wall.
    if (name !== 'its idle time') expect((await marked(mark)).length).toBeGreaterThanOrEqual(unmarked)
    await end(daemon)
    const limit = name === 'its idle time' ? 15_000 : graceMs
    await vi.waitUntil(async () => (await marked(mark)).length === 0, { timeout: limit, interval: 20 })
    await daemon.end()
    // What a killed daemon could not remove, the next one does.
    if (name.startsWith('the violent')) await (await field.start()).end()
    expect(await readLeftovers(field)).toEqual(before)
  })
})

/** Processes of the host whose arguments have this in them. */
async function marked(mark: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).split('\0')
      return words.includes(mark) ? [pid] : []
    }),
  )
  return found.flat()
}

interface Leftovers {
  readonly mounts: readonly string[]
  readonly sockets: readonly string[]
  readonly walls: readonly string[]
  readonly temporary: readonly string[]
  /** What the wall makes in a repository. */
  readonly repository: readonly string[]
}

/** What a session could leave behind on the machine. Of what others do meanwhile only that is looked at which names the field. */
async function readLeftovers({ folder }: Field): Promise<Leftovers> {
  const naming = async (file: string) => (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes(folder.path))
  const list = (directory: string) => readdir(directory).catch(() => [])
  return {
    mounts: await naming('/proc/self/mounts'),
    // The field's own listeners stay.
    sockets: (await naming('/proc/net/unix')).map((line) => line.replace(/^.* /, '')).toSorted(),
    repository: (await list(join(folder.workspace, '.git')))
      .filter((name) => ['commondir', 'config.worktree', 'hooks'].includes(name))
      .toSorted(),
    walls: await list(join(folder.dataDir, 'walls')),
    temporary: [...(await list(join(folder.path, 'temp'))), ...(await list(join(folder.dataDir, 'tmp')))].filter(
      (name) => name !== 'node-compile-cache',
    ),
  }
}
