import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, hostname, release, userInfo } from 'node:os'
import { join } from 'node:path'
import { Problem } from '@codesdkd/protocol'
import { createBundleArtifacts } from './artifacts.ts'
import { archiveHolds, writeArchive } from './archive.ts'
import { createBundleEvents } from './events.ts'
import { createBundleStage, type StagedFile } from './stage.ts'
import { mapStrings } from '../core/redaction/json-strings.ts'
import { createKnownSecrets } from '../core/redaction/known-secrets.ts'
import type { BundleOperations, RuntimeOperations, SupportBundle } from '../core/operations.ts'
import type { ArtifactStore, Clock, EventLog, SecretsOwner, SessionRecord } from '../core/ports.ts'
import { sessionNotFound } from '../core/unknown.ts'
import { createRedactor, redactDeeply, type FindSecrets, type Identity } from '../core/redaction/redactor.ts'
import { bundleLimits, toBundleFileName, toMcpTransports, toRuntimeConfig, toRuntimeEnv, type BundleManifest } from './contents.ts'
import { toSecrets } from '../core/redaction/secret-settings.ts'
import { createRedactionKeys } from './redaction-key.ts'
import { createSecretLint } from './secret-lint.ts'
import type { DataDir } from '../storage/data-dir.ts'

export interface SupportBundlesOptions {
  readonly log: Pick<EventLog, 'session' | 'lastSeq' | 'read'>
  readonly artifacts: Pick<ArtifactStore, 'list' | 'content'>
  readonly runtimes: Pick<RuntimeOperations, 'health' | 'capabilities'>
  readonly dataDir: Pick<DataDir, 'path' | 'temp'>
  readonly version: string
  /** The daemon's own token and credentials, which must be in no bundle. */
  readonly ownSecrets: () => readonly string[]
  /** The variables of a session, whose values must be in no bundle. */
  readonly secrets: {
    load(session: SecretsOwner): Readonly<Record<string, string>>
    reveal(record: SessionRecord): SessionRecord
  }
  readonly clock: Clock
  readonly identity?: Identity
}

/** Builds bundles in the data directory's directory of temporary files, which is empty at each start. */
export function createSupportBundles(options: SupportBundlesOptions): BundleOperations {
  const keyOf = createRedactionKeys(options.dataDir)
  const find = createSecretLint()
  let building = 0
  return {
    async build(sessionId, { taskId, signal }) {
      const stored = options.log.session(sessionId)?.record
      if (stored === undefined) throw sessionNotFound(sessionId)
      if (building >= bundleLimits.concurrent) {
        const members = { limit: bundleLimits.concurrent, current: building, scope: 'support_bundles' }
        throw new Problem('rate_limited', 'Other support bundles are being built.', { members, retryAfter: 2 })
      }
      building += 1
      try {
        const record = options.secrets.reveal(stored)
        return await build(options, { record, taskId, key: keyOf(sessionId), find, signal })
      } finally {
        building -= 1
      }
    },
  }
}

interface Request {
  readonly record: SessionRecord
  readonly taskId: string | null
  readonly key: Uint8Array
  readonly find: FindSecrets
  readonly signal: AbortSignal
}

/** All or nothing: whatever goes wrong, nothing of it stays on the disk. */
async function build(options: SupportBundlesOptions, request: Request): Promise<SupportBundle> {
  const { record, taskId, signal } = request
  const directory = await mkdtemp(join(options.dataDir.temp, 'bundle-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  try {
    const path = join(directory, 'bundle.tar.gz')
    const env = options.secrets.load(record)
    const known = [...options.ownSecrets(), ...Object.values(env), ...toSecrets(record.runtimeConfig)]
    const { files, ownWords } = await stageFiles(options, request, { directory, known, envNames: Object.keys(env) })
    const size = await writeArchive(path, files, signal)
    const secret = known.filter((value) => !ownWords.some((word) => word.includes(value)))
    if (await archiveHolds(path, createKnownSecrets(secret.flatMap(toByteForms)), signal)) {
      throw new Problem('server_error', 'The support bundle was not finished: something secret was left in it.')
    }
    await Promise.all(files.map((file) => rm(file.path)))
    return { path, size, fileName: toBundleFileName(record.sessionId, taskId), [Symbol.asyncDispose]: remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** As text, and as the bytes of its UTF-8 read one by one. */
function toByteForms(value: string): readonly string[] {
  return [value, Buffer.from(value).toString('latin1')]
}

interface Place {
  readonly directory: string
  readonly known: readonly string[]
  readonly envNames: readonly string[]
}

interface Staged {
  readonly files: readonly StagedFile[]
  /** Words that stand in every bundle: a value that is part of one of them is no secret. */
  readonly ownWords: readonly string[]
}

async function stageFiles(options: SupportBundlesOptions, request: Request, { directory, known, envNames }: Place): Promise<Staged> {
  const { log, artifacts, version, clock, identity = thisMachine() } = options
  const { record, taskId, key, find, signal } = request
  const secrets = { known: known.flatMap(toByteForms), key, identity }
  const redactor = createRedactor(secrets)
  const redact = async (values: readonly unknown[]) => redactDeeply(values, redactor, find)
  const stage = createBundleStage(directory, signal)
  for (const [name, value] of await aboutAgent(options, record, envNames)) await stage.addJson(name, (await redact([value]))[0])
  const events = createBundleEvents({ log, sessionId: record.sessionId, redact, signal })
  await stage.add('events.jsonl', events.lines())
  await stage.addJson('runtime-config.json', (await redact([toRuntimeConfig(record)]))[0])
  await stage.add('tool-transcripts.json', events.transcripts())
  const chooser = createBundleArtifacts({ artifacts, stage, redactor, probe: createRedactor(secrets), find, signal })
  const chosen = await chooser.add(record.sessionId, events.refs)
  const manifest: BundleManifest = {
    bundle_version: 1,
    generated_at: clock.now(),
    session_id: record.sessionId,
    task_id: taskId === null ? null : redactor.text(taskId),
    runtime: record.runtime,
    daemon_version: version,
    files: stage.files.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
    events: events.range(),
    tool_transcripts: events.transcriptCounts(),
    artifacts: chosen,
    redactions: Object.fromEntries([...redactor.counts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  }
  await stage.addJson('manifest.json', manifest)
  const files = stage.files.toSorted((a, b) => Number(b.name === 'manifest.json') - Number(a.name === 'manifest.json'))
  return { files, ownWords: [...files.map(({ name }) => name), ...fieldNames(manifest)] }
}

/** Which agent it was, and where it ran. */
async function aboutAgent({ runtimes, version }: SupportBundlesOptions, record: SessionRecord, envNames: readonly string[]) {
  const health = await orProblem(() => runtimes.health(record.runtime))
  const capabilities = await orProblem(() => runtimes.capabilities(record.runtime))
  const agent = { name: record.runtime, version: 'version' in health ? health.version : null }
  return Object.entries({
    'health.json': health,
    'capabilities.json': capabilities,
    'versions.json': { codesdkd: version, node: process.versions.node, sqlite: process.versions['sqlite'] ?? null, agent },
    'runtime-env.json': toRuntimeEnv(record, envNames, { platform: process.platform, arch: process.arch, release: release() }),
    'mcp-transports.json': toMcpTransports(record, 'mcp_support' in capabilities ? capabilities : null),
  })
}

function fieldNames(value: unknown): readonly string[] {
  const names: string[] = []
  mapStrings(value, (text, field) => {
    if (field === null) names.push(text)
    return text
  })
  return names
}

function thisMachine(): Identity {
  return { home: homedir(), user: userInfo().username, host: hostname() }
}

/** A bundle is for when things are broken: what cannot be told says why. */
async function orProblem<T>(tell: () => T | Promise<T>): Promise<T | { readonly error: string }> {
  try {
    return await tell()
  } catch (error) {
    if (error instanceof Problem) return { error: error.code }
    throw error
  }
}
