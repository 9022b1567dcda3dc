import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient, DaemonStartError, findDaemon, startDaemon, type Client } from '@codesdkd/client/node'
import { startFailures } from '../core/start-failure.ts'

export interface OpenDaemon {
  readonly dataDir: string
  readonly url: string | undefined
  readonly token: string | undefined
  /** Options of a daemon of one's own. */
  readonly serve: readonly string[]
  /** Told when one's own daemon is wanted by other commands for longer. */
  readonly onWanted: () => void
  /** Ends the wait for those, too. */
  readonly signal: AbortSignal
}

export interface OpenedDaemon extends AsyncDisposable {
  readonly client: Client
  /** It was started for this command, and ends with it, or with the last task that others have begun there. */
  readonly own: boolean
}

const executable = fileURLToPath(new URL('../../bin/codesdkd.js', import.meta.url))

/** It was there before, and stays. */
const leaveAlone = async () => undefined

/** The daemon that was named, else the one that serves the data directory, else one of one's own on it. Rejects as the client does. */
export async function openDaemon(options: OpenDaemon): Promise<OpenedDaemon> {
  const { dataDir, url, token } = options
  if (url !== undefined)
    return { client: createClient({ url, ...(token === undefined ? {} : { token }) }), own: false, [Symbol.asyncDispose]: leaveAlone }
  for (let tries = 1; ; tries += 1) {
    const found = await findDaemon(dataDir, { token })
    if (found !== null) return { client: found.client, own: false, [Symbol.asyncDispose]: leaveAlone }
    try {
      return await startOwn(options)
    } catch (error) {
      // Another command has begun at the same time: its daemon will be ready soon.
      const locked = error instanceof DaemonStartError && error.exitCode === startFailures.data_dir_locked
      if (!locked || tries === 10) throw error
      await setTimeout(300)
    }
  }
}

async function startOwn({ dataDir, serve, onWanted, signal }: OpenDaemon): Promise<OpenedDaemon> {
  const daemon = await startDaemon({
    command: [process.execPath, executable],
    dataDir,
    args: ['--port', '0', '--log-level', 'error', ...serve],
    // A token that was meant for a daemon that runs would be its own now, and a secret of nobody's.
    env: { CODESDKD_TOKEN: undefined },
  })
  return {
    client: daemon.client,
    own: true,
    async [Symbol.asyncDispose]() {
      // Other commands have found it meanwhile: their tasks do not end with ours.
      await untilIdle(daemon.client, onWanted, signal).catch(() => undefined)
      await daemon.stop()
    },
  }
}

async function untilIdle(client: Client, onWanted: () => void, signal: AbortSignal): Promise<void> {
  const { counts } = await client.getStatus()
  if (counts.tasks_running + counts.tasks_queued === 0) return
  onWanted()
  // The Ctrl-C that has ended our own task was not meant for theirs.
  const interrupt = signal.aborted ? {} : { signal }
  await Array.fromAsync(client.followAll({ after: 'latest', until: 'idle', types: ['task.*'], ...interrupt }))
}

/** The token of `--token-file`, else of CODESDKD_TOKEN. Throws the system's error. */
export function readClientToken(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return file === undefined ? env['CODESDKD_TOKEN'] || undefined : readFileSync(file, 'utf8').trim()
}
