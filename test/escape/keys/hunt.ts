import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Session } from '@codesdkd/protocol'
import { turns } from '../../conformance/heard.ts'
import type { Subject } from '../../conformance/subject.ts'
import { until } from '../../conformance/until.ts'
import type { DaemonProcess } from '../../harness/daemon.ts'
import type { HeardClient } from './heard-client.ts'
import { openGround, type Ground, type GroundOptions } from './ground.ts'
import { playAfter, playAll, toKeyScript, type Play } from './rounds.ts'
import type { Search, Sighting } from './search.ts'
import { descendantsOf, treeOf } from './tree.ts'
import { notes, openWire } from './wire.ts'
import { toSession, ways, type Way } from './ways.ts'

export interface Catch {
  /** How each task of each session ended. */
  readonly ends: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Where keys and tokens were seen that must be nowhere. */
  readonly keys: readonly Sighting[]
  /** Where the login of the user was seen outside its file. */
  readonly logins: readonly Sighting[]
  /** Whether that file is still what it was. */
  readonly loginKept: boolean
  /** Where the value of a header was seen that stands in the configuration of the sessions. */
  readonly headers: readonly Sighting[]
  /** Where that was seen which the agents have in place of keys. */
  readonly placeholders: readonly Sighting[]
  /** Which key each call of the model carried; null: none of them. */
  readonly carried: ReadonlySet<Way | null>
  /** What the MCP server over HTTP was shown. */
  readonly shown: ReadonlySet<string>
  /** Which secrets are in the two places of the data directory that are for them and are not searched. */
  readonly kept: { readonly stored: ReadonlySet<string>; readonly given: ReadonlySet<string> }
  /** The status of the answer to a verification. */
  readonly verified: number
  readonly looked: Search['looked']
}

interface Played {
  readonly session: Session
  readonly way: Way
  readonly ends: Readonly<Record<string, string>>
}

/** Plays everything that an agent can be asked, with a key of each way, and looks for keys wherever they must not be. */
export async function hunt(subject: Subject, options: GroundOptions): Promise<Catch> {
  await using ground = await openGround(subject, options)
  const { stage, keys, search, login } = ground
  await using wire = await openWire(join(stage.folder.path, 'wire.txt'))
  stage.script(toKeyScript(subject, keys, options.walled))
  const target = ['--namespace', 'stored', '--variable', subject.credentialVariable, '--endpoint', stage.model.url]
  await ground.run(['keys', 'set', subject.runtime, ...target], keys.stored)
  await ground.run(['keys', 'list', '--json'])
  const played = await ground.withDaemon(async (daemon, client) => {
    const all = await Promise.all(ways.map((way) => playOne(ground, { daemon, client, way, url: wire.url })))
    // While the log is open there is more than one file of it.
    await searchFiles(ground)
    return all
  })
  const { after, verified } = await ground.withDaemon(async (daemon, client) => {
    const again = await Promise.all(played.map((one) => playAfter(toPlay(ground, daemon, { client, ...one }))))
    await askForAll(ground, client, played)
    return { after: again, verified: await verify(ground, daemon, client) }
  })
  await ground.run(['agents', 'doctor', '--json'])
  await searchFiles(ground)
  search.text('what the model was told', JSON.stringify(stage.model.journal.entries))
  return {
    ends: Object.fromEntries(played.map(({ way, ends }, index) => [way, { ...ends, after: after[index] ?? '' }])),
    keys: search.sightings('key'),
    logins: search.sightings('login'),
    loginKept: (await readFile(login.path, 'utf8')) === login.content,
    headers: search.sightings('header'),
    placeholders: search.sightings('placeholder'),
    carried: toCarried(ground),
    shown: new Set(wire.shown),
    kept: { stored: await readKept(ground, 'keys'), given: await readKept(ground, 'session-env') },
    verified,
    looked: search.looked,
  }
}

interface Start extends Pick<Play, 'way'> {
  readonly daemon: DaemonProcess
  readonly client: HeardClient
  /** Of the MCP server over HTTP. */
  readonly url: string
}

async function playOne(ground: Ground, { daemon, client, way, url }: Start): Promise<Played> {
  const { stage, canaries, header } = ground
  const cwd = ground.workspaceOf(way)
  const stdio = { command: process.execPath, args: [notes, join(cwd, 'notes.txt')] }
  const body = toSession(way, { subject: stage.subject, canaries, endpoint: stage.model.url, cwd, stdio, url, header })
  const session = await client.createSession(body)
  return { session, way, ends: await playAll(toPlay(ground, daemon, { client, session, way })) }
}

/** All that lies in the place, but for the files whose purpose a secret is. */
async function searchFiles({ search, stage: { folder }, login, tokenFile }: Ground): Promise<void> {
  const purposes = ['keys', 'session-env', 'session-settings'].map((name) => join(folder.dataDir, name))
  await search.tree(folder.path, [...purposes, login.path, tokenFile])
}

function toPlay({ stage, search, workspaceOf }: Ground, daemon: DaemonProcess, one: Pick<Play, 'client' | 'session' | 'way'>): Play {
  const workspace = workspaceOf(one.way)
  return {
    ...one,
    subject: stage.subject,
    async look(moment, deep) {
      const { all } = await treeOf(daemon.pid, workspace)
      for (const pid of all) await search.process(pid, `${moment} (${one.way})`, deep)
      const inside = deep ? await findInside(all) : null
      if (inside !== null) await search.tree(`/proc/${inside}/root/tmp`)
    },
    async kill() {
      const { roots } = await treeOf(daemon.pid, workspace)
      if (roots.length === 0) throw new Error('there is no agent to be killed')
      for (const pid of roots) process.kill(pid, 'SIGKILL')
    },
    read: (name) => readFile(join(workspace, name), 'utf8').catch(() => null),
  }
}

/** A process that has another /tmp, which ends with it: one behind a wall. */
async function findInside(pids: readonly number[]): Promise<number | null> {
  const own = await stat('/tmp')
  const places = await Promise.all(pids.map((pid) => stat(`/proc/${pid}/root/tmp`).catch(() => null)))
  return pids.find((_, index) => places[index] != null && (places[index].dev !== own.dev || places[index].ino !== own.ino)) ?? null
}

/** Everything that a daemon can be asked about its sessions, and some of what it refuses. */
async function askForAll({ search, keys, stage }: Ground, client: HeardClient, played: readonly Played[]): Promise<void> {
  for (const { session } of played) {
    const { session_id: id } = session
    const events = await client.events(id)
    const artifacts = new Set(JSON.stringify(events).match(/(?<="artifact_id":")[^"]+/g))
    for (const path of [`/sessions/${id}`, `/sessions/${id}/tasks`, ...[...artifacts].map((artifact) => `/artifacts/${artifact}`)])
      await client.get(path)
    search.text('the support bundle', await client.download(`/sessions/${id}/support-bundle`))
  }
  const { runtime } = stage.subject
  const asked = [
    '/metrics',
    '/status',
    '/runtimes',
    '/sessions',
    `/auth/status?runtime=${runtime}`,
    `/auth/status?runtime=${runtime}&credential_namespace=stored`,
  ]
  for (const path of [...asked, `/health?runtime=${runtime}`, '/events?after=0']) await client.get(path)
  for (const body of [{ env: { LD_PRELOAD: keys.given } }, { runtimeConfig: { env_key: keys.given } }, { credentialNamespace: keys.given }])
    await client.post('/sessions', { runtime, cwd: stage.folder.path, ...body })
}

/** An agent that is examined has nothing of anybody's. */
async function verify({ search, stage }: Ground, daemon: DaemonProcess, client: HeardClient): Promise<number> {
  const before = new Set(await descendantsOf(daemon.pid))
  const verifying = client.post(`/runtimes/${stage.subject.runtime}/verify`, {})
  await until(async () => {
    const [one] = (await descendantsOf(daemon.pid)).filter((pid) => !before.has(pid))
    return one !== undefined
  })
  for (const pid of await descendantsOf(daemon.pid)) await search.process(pid, 'an agent is verified', !before.has(pid))
  return (await verifying).status
}

function toCarried({ stage: { model }, keys }: Ground): ReadonlySet<Way | null> {
  return new Set(turns(model).map((entry) => ways.find((way) => model.journal.carries(entry, keys[way])) ?? null))
}

/** The names of the secrets in a directory. */
async function readKept({ stage, canaries }: Ground, directory: string): Promise<ReadonlySet<string>> {
  const entries = await readdir(join(stage.folder.dataDir, directory), { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8'))
  const names = (await Promise.all(files)).join().matchAll(new RegExp(`${canaries.mark}-([a-z]+)`, 'g'))
  return new Set([...names].flatMap(([, name]) => name ?? []))
}
