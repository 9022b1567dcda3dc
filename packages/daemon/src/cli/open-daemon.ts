import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createClient, findDaemon, startDaemon, type Client } from '@codesdkd/client/node'

export interface OpenDaemon {
  readonly dataDir: string
  readonly url: string | undefined
  readonly token: string | undefined
  /** Options of a daemon of one's own. */
  readonly serve: readonly string[]
}

export interface OpenedDaemon extends AsyncDisposable {
  readonly client: Client
  /** It was started for this command, and ends with it. */
  readonly own: boolean
}

const executable = fileURLToPath(new URL('../../bin/codesdkd.js', import.meta.url))

/** It was there before, and stays. */
const leaveAlone = async () => undefined

/** The daemon that was named, else the one that serves the data directory, else one of one's own on it. Rejects as the client does. */
export async function openDaemon({ dataDir, url, token, serve }: OpenDaemon): Promise<OpenedDaemon> {
  if (url !== undefined)
    return { client: createClient({ url, ...(token === undefined ? {} : { token }) }), own: false, [Symbol.asyncDispose]: leaveAlone }
  const found = await findDaemon(dataDir, { token })
  if (found !== null) return { client: found.client, own: false, [Symbol.asyncDispose]: leaveAlone }
  const daemon = await startDaemon({
    command: [process.execPath, executable],
    dataDir,
    args: ['--port', '0', '--log-level', 'error', ...serve],
    // A token that was meant for a daemon that runs would be its own now, and a secret of nobody's.
    env: { CODESDKD_TOKEN: undefined },
  })
  return { client: daemon.client, own: true, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() }
}

/** The token of `--token-file`, else of CODESDKD_TOKEN. Throws the system's error. */
export function readClientToken(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return file === undefined ? env['CODESDKD_TOKEN'] || undefined : readFileSync(file, 'utf8').trim()
}
