import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PermissionMode } from '@codesdkd/protocol'
import { expect } from 'vitest'
import { play } from '../conformance/round.ts'
import { shell, toScenarios } from '../conformance/script.ts'
import type { DaemonProcess } from '../harness/daemon.ts'
import { isEscape, type Attack, type AttackContext, type Evidence } from './attack.ts'
import type { Field } from './field.ts'

export interface RaidOptions {
  readonly walled: boolean
  readonly mode: PermissionMode
  /** By group; a group is one command of the agent. */
  readonly attacks: Readonly<Record<string, readonly Attack[]>>
}

/** `no tool`: this machine has no program that the attack needs. `no wall`: it was not tried, since there was none. */
export type Outcome = 'held' | 'escaped' | 'no tool' | 'no wall' | 'no end' | 'not run'

export interface Result {
  readonly outcome: Outcome
  /** What it printed. */
  readonly output: string
}

/** One attack as it was played. */
interface Play {
  readonly attack: Attack
  readonly context: AttackContext
  /** Name of its files, without an ending. */
  readonly file: string
}

const folderName = 'attacks'
/** Far more than any takes: only what hangs runs into it. */
const secondsForOne = 60
const spaces = ['pid', 'net', 'mnt', 'ipc', 'uts', 'user']
/** Where a mark might be left behind that is not one of the field's own places. */
const machinePlaces = [
  '/tmp',
  '/var/tmp',
  '/dev/shm',
  '/run',
  '/etc',
  '/etc/cron.d',
  '/usr/bin',
  '/usr/local/bin',
  '/usr/lib',
  '/var/lib',
  '/var/spool',
  '/boot',
  '/opt',
  '/srv',
  '/mnt',
]

/** Lets an agent play the attacks, and looks from outside at what came of them. What it leaves on the machine is removed. */
export async function raid(field: Field, daemon: DaemonProcess, options: RaidOptions): Promise<ReadonlyMap<string, Result>> {
  const { client } = daemon
  const { walled, mode } = options
  const sandbox = walled ? 'require' : 'off'
  const groups = Object.keys(options.attacks)
  field.model.setScenarios(
    toScenarios({
      settle: [{ tools: [shell('echo settled > settled.txt')] }, { text: `Settled ${field.canaries[0] ?? ''}.`, chunk_size: 1000 }],
      look: [{ tools: [shell(`for s in ${spaces.join(' ')}; do readlink /proc/self/ns/$s; done > spaces.txt`)] }, { text: 'Seen.' }],
      raid: [
        ...groups.map((group) => ({ tools: [shell(`sh ${folderName}/${group}.sh`)] })),
        // An agent may let a command run on by itself after a while.
        ...groups.map((group) => ({
          tools: [
            shell(`i=0; while [ ! -e ${folderName}/${group}.end ] && [ $i -lt ${secondsForOne * 10} ]; do sleep 0.1; i=$((i + 1)); done`),
          ],
        })),
        { text: 'All tried.' },
      ],
    }),
  )
  const bodyOf = (cwd: string) => ({ ...field.subject.session({ cwd, endpoint: field.model.url }), permissionMode: mode, sandbox })
  expect((await play(client, bodyOf(field.besides), 'settle')).end).toMatchObject({ type: 'task.completed' })
  const neighbourHome = await plantInHomes(field)
  await field.own()
  const session = await client.createSession({
    ...bodyOf(field.folder.workspace),
    ...(walled ? { network: { allow: [`*:${field.listeners.port}`] } } : {}),
  })
  expect((await play(client, session, 'look')).end).toMatchObject({ type: 'task.completed' })
  await expectSpaces(field, walled)
  const late = join(field.folder.workspace, 'late.sock')
  await field.listeners.open(late)
  const plays = toPlays(field, daemon, { ...options, neighbourHome, late })
  await writeScripts(field, plays)
  await field.own()
  try {
    const { end } = await play(client, session, 'raid')
    expect(end).toMatchObject({ type: 'task.completed' })
    const seen = await look(field, neighbourHome)
    return new Map(await Promise.all(plays.map(async (one) => [one.attack.name, await judge(field, one, seen)] as const)))
  } finally {
    for (const { context } of plays) for (const place of machinePlaces) await rm(join(place, context.tag), { force: true })
  }
}

/** Puts a secret into the home of the session that there is, and among the keys. Returns where the home is. */
async function plantInHomes({ folder, canaries }: Field): Promise<string> {
  const namespaces = join(folder.dataDir, 'namespaces')
  const [first] = (await readdir(namespaces, { recursive: true })).filter((name) => /(?:^|\/)sessions\/[0-9a-f]+$/.test(name))
  if (first === undefined) throw new Error('the neighbour has no home')
  const home = join(namespaces, first, 'agent')
  const keys = join(folder.dataDir, 'keys')
  await mkdir(keys, { recursive: true, mode: 0o700 })
  for (const place of [home, keys]) await writeFile(join(place, 'secret'), `${canaries[0] ?? ''}\n`)
  return home
}

/** Attacks that would do harm must not begin where the wall is not what it should be. */
async function expectSpaces({ folder }: Field, walled: boolean): Promise<void> {
  const inside = ((await folder.read('spaces.txt')) ?? '').trim().split('\n')
  const here = await Promise.all(spaces.map((space) => readlink(`/proc/self/ns/${space}`)))
  expect(inside, 'namespaces of the agent').toHaveLength(here.length)
  for (const [index, space] of here.entries()) {
    if (walled) expect(inside[index]).not.toBe(space)
    else expect(inside[index]).toBe(space)
  }
}

function toPlays(
  field: Field,
  daemon: DaemonProcess,
  { attacks, walled, neighbourHome, late }: RaidOptions & { readonly neighbourHome: string; readonly late: string },
): readonly (Play & { readonly group: string })[] {
  const { folder, outside, home, victim, listeners, hostAddress, abstract, besides } = field
  const common = {
    outside,
    home,
    hostAddress,
    workspace: folder.workspace,
    dataDir: folder.dataDir,
    node: process.execPath,
    victim: victim.pid ?? 0,
    daemon: daemon.pid,
    daemonUrl: daemon.client.url,
    port: listeners.port,
    udpPort: listeners.udpPort,
    sockets: { outside: join(outside, 'socket'), abstract, daemon: field.daemonSocket, early: join(folder.workspace, 'early.sock'), late },
    neighbour: { workspace: besides, home: neighbourHome },
  }
  return Object.entries(attacks).flatMap(([group, list]) =>
    list
      .filter(({ withoutWall }) => walled || withoutWall !== 'untried')
      .map((attack, index) => {
        const tag = `mark-${randomBytes(8).toString('hex')}`
        const context = {
          ...common,
          tag,
          reached: `reached-${randomBytes(8).toString('hex')}`,
          target: join(outside, `target-${index}-${group}`),
        }
        return { attack, context, group, file: join(folder.workspace, folderName, `${group}-${index}`) }
      }),
  )
}

const tools = 'need() { command -v "$1" > /dev/null 2>&1 || exit 97; }'

async function writeScripts({ folder }: Field, plays: readonly (Play & { readonly group: string })[]): Promise<void> {
  const directory = join(folder.workspace, folderName)
  await mkdir(directory)
  const here = await readlink('/proc/self/ns/mnt')
  const guard = `[ "$(readlink /proc/self/ns/mnt)" != "${here}" ] || exit 98`
  for (const { attack, context, file } of plays) {
    await writeFile(context.target, 'untouched\n')
    const parts = [tools, ...(attack.withoutWall === 'untried' ? [guard] : []), attack.script(context)]
    await writeFile(`${file}.sh`, `${parts.join('\n')}\n`)
  }
  for (const [group, list] of Map.groupBy(plays, (one) => one.group)) {
    const runs = list.map(
      ({ file }) => `timeout -k 1 ${secondsForOne} sh ${file}.sh > ${file}.out 2>&1 < /dev/null; echo $? > ${file}.code`,
    )
    await writeFile(join(directory, `${group}.sh`), `${runs.join('\n')}\n: > ${join(directory, group)}.end\n`)
  }
}

interface Seen {
  readonly heard: readonly string[]
  /** What lies outside: each file's name and content. */
  readonly files: readonly (readonly [path: string, content: string])[]
}

/** Everything outside that an attack might have marked. */
async function look({ folder, home, outside, besides, listeners }: Field, neighbourHome: string): Promise<Seen> {
  const files: (readonly [string, string])[] = []
  const session = /\/sessions\/[0-9a-f]+(?=\/)/
  const own = (path: string) => session.test(path) && !path.startsWith(neighbourHome)
  for (const place of [home, outside, besides, folder.dataDir])
    for (const name of await readdir(place, { recursive: true })) {
      const path = join(place, name)
      const stats = await lstat(path).catch(() => null)
      if (stats === null || own(path) || /\.sqlite/.test(name)) continue
      files.push([path, stats.isFile() && stats.size < 65_536 ? await readFile(path, 'latin1') : ''])
    }
  for (const place of machinePlaces)
    for (const name of await readdir(place).catch(() => [])) if (name.startsWith('mark-')) files.push([join(place, name), ''])
  return { heard: listeners.heard, files }
}

async function judge({ canaries }: Field, { attack, context, file }: Play, { heard, files }: Seen): Promise<Result> {
  const { tag, reached } = context
  const code = (await readFile(`${file}.code`, 'utf8').catch(() => '')).trim()
  const output = await readFile(`${file}.out`, 'latin1').catch(() => '')
  const marked = files.filter(([path, content]) => path.includes(tag) || content.includes(tag)).map(([path]) => path)
  const evidence: Evidence = { tag, reached, output, canaries, heard, marked }
  const escaped = (attack.escaped ?? isEscape)(evidence)
  return { outcome: escaped ? 'escaped' : toOutcome(code), output: output.slice(0, 1000) }
}

/** What the exit code of an attack says that did not get through. */
function toOutcome(code: string): Outcome {
  switch (code) {
    case '':
      return 'not run'
    case '97':
      return 'no tool'
    case '98':
      return 'no wall'
    case '124':
    case '137':
      return 'no end'
    default:
      return 'held'
  }
}
