import { once } from 'node:events'
import { createServer } from 'node:http'
import { isIP } from 'node:net'
import { JournalRecorder } from './journal.ts'
import type { Journal, JournalOptions } from './journal.ts'
import { Player } from './player.ts'
import { parseScenarios } from './scenario.ts'
import type { ScenarioFileInput } from './scenario.ts'

export interface OfflineModelOptions extends ScenarioFileInput {
  /** Default 127.0.0.1. There is no authentication: keep it on loopback. */
  readonly host?: string | undefined
  /** Default 0: any free port. */
  readonly port?: number | undefined
  readonly journal?: JournalOptions | undefined
  /** Milliseconds since the epoch, for the journal. Nothing that is sent depends on it. */
  readonly now?: (() => number) | undefined
}

/** A running model server. Disposing it ends every connection, also those that hang on purpose. */
export interface OfflineModel extends AsyncDisposable {
  /** Without a path and without a trailing slash. OpenAI's APIs are at `${url}/v1`, Anthropic's and Gemini's at `${url}`. */
  readonly url: string
  readonly port: number
  readonly journal: Journal
  /** Replaces scenarios and fallback and forgets attempts; answers under way go on. Throws ScenarioError. */
  setScenarios(file: ScenarioFileInput): void
}

/** Starts a model server that plays scenarios. Throws ScenarioError, or the network's error if it cannot listen. */
export async function startOfflineModel(options: OfflineModelOptions): Promise<OfflineModel> {
  const { host = '127.0.0.1', port = 0, journal: journalOptions, now = Date.now, ...file } = options
  const journal = new JournalRecorder(journalOptions)
  const player = new Player(parseScenarios(file), journal, now)
  // An idle connection is never closed from here: an agent that was about to use it again would see a failure no scenario asked for.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => void player.serve(request, response))
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    journal,
    setScenarios: (next) => player.setScenarios(parseScenarios(next)),
    async [Symbol.asyncDispose]() {
      journal.close()
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
