import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { flatOut, stampMark, toPrompt } from '../flood.ts'
import { cpuSeconds, forgetPeak, residentMegabytes } from '../process-figures.ts'
import type { Figures, Scenario, Stage } from '../scenario.ts'
import { writeAgent } from '../target.ts'

const peer = 'sandbox-agent'
const peerVersion = '0.4.2'
const standIn = 'acp-flood-agent.ts'

/** What both servers do: drive one agent, and show what it says by SSE. */
interface Side {
  readonly pid: number
  readonly port: number
  /** The stream, from where it is on now. */
  readonly path: string
  /** Stands in each line of it that tells a piece of what the agent says. */
  readonly piece: string
  /** Stands in the line that tells the end of the turn. */
  readonly end: string
  /** Asks the agent. */
  readonly prompt: (text: string) => Promise<void>
}

async function openDaemon(stage: Stage): Promise<Side> {
  const agent = await writeAgent(join(await stage.folder(), 'flood'), standIn)
  const target = await stage.target('daemon', { flags: ['--agent', `flood=${agent}`] })
  const session = await target.openSession({ runtime: 'flood', runtimeConfig: {} })
  return {
    pid: target.pid,
    port: target.port,
    path: `${session.path}/events?stream=1&after_seq=1`,
    piece: '"type":"model.output.delta"',
    end: '"type":"task.completed"',
    prompt: async (text) => void (await target.startTask(session, text)),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Installed anew from npm, in a folder of its own; its Codex is the stand-in. */
async function openPeer(stage: Stage, resources: AsyncDisposableStack): Promise<Side> {
  const folder = await stage.folder()
  await writeFile(join(folder, 'package.json'), '{}')
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${peer}@${peerVersion}`], { cwd: folder })
  const executable = join(folder, `node_modules/@sandbox-agent/cli-${process.platform}-${process.arch}/bin/sandbox-agent`)
  await chmod(executable, 0o755)
  const agents = join(folder, '.local/share/sandbox-agent/bin')
  await mkdir(join(agents, 'agent_processes'), { recursive: true })
  for (const file of ['codex', 'agent_processes/codex-acp']) await writeAgent(join(agents, file), standIn)
  const port = await freePort()
  const child = spawn(executable, ['server', '--no-token', '--no-telemetry', '--port', String(port)], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], HOME: folder },
  })
  resources.defer(async () => {
    const exited = once(child, 'exit')
    if (child.kill('SIGKILL')) await exited
  })
  const url = `http://127.0.0.1:${port}`
  while (
    !(await fetch(`${url}/v1/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`${peer} ended with ${child.exitCode}`)
    await setTimeout(20)
  }
  let id = 0
  const request = async (method: string, params: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: (id += 1), method, params })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}/v1/acp/bench?agent=codex`, { method: 'POST', headers, body })
    const { result, error } = (await answer.json()) as { readonly result?: { readonly sessionId?: string }; readonly error?: unknown }
    if (result === undefined) throw new Error(`${peer}: ${method}: ${JSON.stringify(error)}`)
    return result
  }
  await request('initialize', { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await request('session/new', { cwd: folder, mcpServers: [] })
  return {
    pid: child.pid ?? 0,
    port,
    path: '/v1/acp/bench',
    piece: '"agent_message_chunk"',
    end: '"stopReason"',
    prompt: async (text) => void (await request('session/prompt', { sessionId, prompt: [{ type: 'text', text }] })),
  }
}

/** Follows one turn. Each piece is known by its stamp, so that it makes no difference how many of them a server tells in one event. */
async function follow({ port, path, piece, end, prompt }: Side, events: number) {
  const stream = get({ host: '127.0.0.1', port, path, headers: { accept: 'text/event-stream' } })
  const [response] = (await once(stream, 'response')) as [IncomingMessage]
  const stamps = new RegExp(`${stampMark}(\\d+)${stampMark}`, 'g')
  const ended = Promise.withResolvers<{ readonly pieces: number; readonly seconds: number }>()
  let [rest, pieces, first] = ['', 0, NaN]
  let prompted = false
  response.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (!prompted) return
    for (const line of lines) {
      if (line.includes(piece))
        for (const [, stamp] of line.matchAll(stamps)) {
          pieces += 1
          if (Number.isNaN(first)) first = Number(stamp)
        }
      else if (line.includes(end)) ended.resolve({ pieces, seconds: (Number(process.hrtime.bigint()) - first) / 1e9 })
    }
  })
  response.on('error', ended.reject)
  // What the stream repeats of earlier turns is not meant.
  await setTimeout(500)
  prompted = true
  const asked = prompt(toPrompt(flatOut(events)))
  try {
    return await ended.promise
  } finally {
    stream.destroy()
    await asked
  }
}

async function measure(stage: Stage, name: string): Promise<Figures> {
  await using resources = new AsyncDisposableStack()
  const side = name === peer ? await openPeer(stage, resources) : await openDaemon(stage)
  await follow(side, stage.events(20_000))
  forgetPeak(side.pid)
  const before = cpuSeconds(side.pid)
  const events = stage.events(100_000)
  const { pieces, seconds } = await follow(side, events)
  if (pieces < events) stage.note(`${name}: ${events - pieces} of ${events} pieces of what the agent said did not arrive`)
  return {
    delivered: pieces / seconds,
    cpu: ((cpuSeconds(side.pid) - before) * 1e6) / pieces,
    peak: residentMegabytes(side.pid).peak,
    arrived: pieces / events,
  }
}

export const peerScenarios: readonly Scenario[] = [
  {
    id: 'peer',
    what: `one ACP agent flat out, 1 SSE reader, beside ${peer} ${peerVersion}, which keeps nothing and passes on as it comes`,
    sides: ['daemon', peer],
    rows: [
      { figure: 'delivered', what: 'pieces of text a second', of: 'ratio', unit: 'events/s' },
      { figure: 'cpu', what: 'processor time for each', of: 'ratio', unit: 'µs' },
      { figure: 'peak', what: 'resident memory at most', of: 'ratio', unit: 'MB' },
      { figure: 'arrived', what: 'of what the agent said arrived', of: 'first', unit: 'of 1', atLeast: 1 },
    ],
    run: measure,
  },
]
