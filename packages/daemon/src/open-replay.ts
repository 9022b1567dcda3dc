import { rmSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { readBundle } from './bundle/read-bundle.ts'
import type { Config } from './configuration/config.ts'
import type { ReplayRequest } from './configuration/replay-request.ts'
import type { Replay } from './core/replay.ts'
import { createDaemon, type Daemon } from './daemon.ts'

/** A daemon that has nothing but a bundle's session, and what its ready line tells beside its address. */
export interface ReplayDaemon extends Daemon {
  readonly about: { readonly session_id: string; readonly inspector: string }
}

/**
 * Starts a daemon for a bundle on a data directory of its own, which goes with it: what a stranger sent comes near no session of this user's,
 * and the session can keep its id where it was made on this machine. Rejects with `StartFailure`.
 */
export async function openReplay({ path, pace }: ReplayRequest, config: Config): Promise<ReplayDaemon> {
  const recording = await readBundle(path)
  await using stack = new AsyncDisposableStack()
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), 'codesdkd-replay-')))
  stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  // Who asks a second time does not wait for that.
  const removeNow = () => rmSync(dataDir, { recursive: true, force: true })
  process.once('exit', removeNow)
  stack.defer(() => void process.off('exit', removeNow))
  const daemon = stack.use(await createDaemon({ ...toOwnConfig(config), dataDir }, { replay: { recording, pace } }))
  const { sessionId } = recording.record
  const about = { session_id: sessionId, inspector: `${daemon.url}${config.basePath}/inspector#/sessions/${sessionId}` }
  const { replay } = daemon
  if (replay !== null && process.stdin.isTTY) stack.use(stepOnEnter(replay, about.inspector))
  const parts = stack.move()
  let ended: Promise<void> | null = null
  return {
    ...daemon,
    about,
    [Symbol.asyncDispose]: () => (ended ??= parts.disposeAsync()),
  }
}

/** Enter goes to the next event, also where it would come by itself. */
function stepOnEnter(replay: Replay, inspector: string): Disposable {
  const { seq, last_seq } = replay.progress
  process.stderr.write(`${seq} of ${last_seq} events: ${inspector}\nEnter goes to the next one, Ctrl-C ends it.\n`)
  const lines = createInterface({ input: process.stdin })
  lines.on('line', () => {
    // It fails where the daemon ends meanwhile, and then nobody looks.
    replay.step().then(
      (progress) => process.stderr.write(`${progress.seq} of ${progress.last_seq}\n`),
      () => undefined,
    )
  })
  return { [Symbol.dispose]: () => lines.close() }
}

/** Who may connect and where is as it was asked for; there is no agent, and nothing that one would need. */
function toOwnConfig(config: Config): Config {
  return {
    ...config,
    recover: false,
    runtimes: null,
    defaultRuntime: 'replay',
    agents: [],
    tools: [],
    mcpServers: [],
    sandbox: 'off',
    offline: false,
    retainMs: null,
    logLevel: config.logLevel === 'info' ? 'error' : config.logLevel,
  }
}
