import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface DirectCodex extends AsyncDisposable {
  /** One turn; `sent` is when it was asked for, `first` when its first delta was read. Milliseconds of `performance.now`. */
  turn(text: string): Promise<{ readonly sent: number; readonly first: number; readonly ended: number }>
}

export interface DirectCodexOptions {
  readonly executable: string
  /** With Codex's own settings in it. */
  readonly home: string
  readonly cwd: string
  readonly modelUrl: string
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: unknown
  readonly error?: unknown
}

/** The real Codex, driven by its app-server with nothing in between: what the daemon's way is held against. */
export async function openDirectCodex({ executable, home, cwd, modelUrl }: DirectCodexOptions): Promise<DirectCodex> {
  const provider = { name: 'bench', wire_api: 'responses', base_url: `${modelUrl}/v1`, env_key: 'BENCH_KEY' }
  const settings = [
    ...Object.entries(provider).map(([name, value]) => `model_providers.bench.${name}="${value}"`),
    'model_provider="bench"',
    'model="gpt-5.5"',
  ]
  const child: ChildProcessWithoutNullStreams = spawn(executable, ['app-server', ...settings.flatMap((setting) => ['-c', setting])], {
    cwd,
    // As the daemon gives it: what this machine says of certificates, say, costs some milliseconds for each turn.
    env: { ...process.env, CODEX_HOME: home, BENCH_KEY: 'none' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stderr.resume()
  const listeners = new Set<(message: Message) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message
    for (const listener of listeners) listener(message)
  })
  let lastId = 0
  const until = <T>(find: (message: Message) => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const listener = (message: Message): void => {
        const found = find(message)
        if (found === undefined) return
        listeners.delete(listener)
        resolve(found)
      }
      listeners.add(listener)
    })
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`)
  const request = async (method: string, params: object): Promise<unknown> => {
    const id = (lastId += 1)
    const answered = until((message) => (message.id === id && message.method === undefined ? message : undefined))
    send({ id, method, params })
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result
  }
  await request('initialize', { clientInfo: { name: 'bench', title: 'bench', version: '0' }, capabilities: { experimentalApi: true } })
  send({ method: 'initialized' })
  const { thread } = (await request('thread/start', { cwd, approvalPolicy: 'never', sandbox: 'danger-full-access' })) as {
    thread: { id: string }
  }
  return {
    async turn(text) {
      const first = until(({ method }) => (method === 'item/agentMessage/delta' ? performance.now() : undefined))
      const ended = until(({ method }) => (method === 'turn/completed' ? performance.now() : undefined))
      const sent = performance.now()
      await request('turn/start', { threadId: thread.id, input: [{ type: 'text', text, text_elements: [] }] })
      return { sent, first: await first, ended: await ended }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
