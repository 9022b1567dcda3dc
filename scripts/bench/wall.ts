import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Command, Enclosure } from '../../packages/daemon/src/core/enclosure.ts'
import { sampleEnv } from '../../packages/daemon/src/core/testing/env.ts'
import { createEnclosures } from '../../packages/daemon/src/enclosures.ts'
import { openWall } from '../../packages/daemon/src/sandbox/open-wall.ts'

/**
 * What the wall and the gateway cost, against the same without them, in one run: the start of a program, the first byte of a model's
 * answer, a stream at full speed, and the memory of what stands around one session. `npm run bench -- wall`
 */

const rounds = 7
const requests = 60
const pieces = 20_000
const piece = `data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"word "}}\n\n`

/** Runs inside and outside alike: asks a model over and over, and tells the milliseconds. */
const client = `
const [url, key] = process.argv.slice(1)
const post = (count) => fetch(url + '/v1/messages', { method: 'POST', headers: { authorization: 'Bearer ' + key }, body: JSON.stringify({ model: 'm', count }) })
const first = []
for (let i = 0; i < ${requests}; i++) {
  const begun = performance.now()
  const reader = (await post(1)).body.getReader()
  await reader.read()
  first.push(performance.now() - begun)
  while (!(await reader.read()).done);
}
const begun = performance.now()
let bytes = 0
for await (const chunk of (await post(${pieces})).body) bytes += chunk.length
console.log(JSON.stringify({ first: first.sort((a, b) => a - b)[first.length >> 1], stream: bytes / (performance.now() - begun) / 1000 }))
process.stdin.on('end', () => process.exit()).resume()
`

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
const show = (value: number, digits = 2) => value.toFixed(digits)

await using stack = new AsyncDisposableStack()
const root = await mkdtemp(join(tmpdir(), 'bench-wall-'))
stack.defer(() => rm(root, { recursive: true, force: true }))
const model = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => (body += String(chunk)))
  request.on('end', () => {
    const { count } = JSON.parse(body) as { count: number }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const write = (left: number): void => {
      for (; left > 0; left -= 1) if (!response.write(piece)) return void response.once('drain', () => write(left - 1))
      response.end()
    }
    write(count)
  })
}).listen(0, '127.0.0.1')
stack.defer(() => void model.close())
await once(model, 'listening')
const upstream = `http://127.0.0.1:${(model.address() as AddressInfo).port}`

const wall = await openWall({ scratch: root, home: root, searchPath: process.env['PATH'] ?? '' })
if (wall.wall === null) throw new Error(`${wall.reason} ${wall.remedy}`)
const enclosures = createEnclosures({ directory: join(root, 'walls'), environment: {}, wall, hidden: [], newId: () => crypto.randomUUID() })
const sandbox = { mode: 'require', walled: true, writableRoots: [], readableRoots: [], networkAllow: [] } as const

async function open(): Promise<{ readonly enclosure: Enclosure; readonly url: string; readonly key: string }> {
  const { enclosure } = await enclosures.open({ cwd: root, sandbox }, sampleEnv({ home: root }))
  const { url, placeholder: key } = enclosure.open({ name: 'model', dialect: 'messages', upstream, credential: null })
  return { enclosure, url, key }
}

const bare = { walled: false, enclose: (command: Command) => ({ ...command, depth: 0 }) }

function start({ enclose }: Pick<Enclosure, 'enclose'>, program: string, args: readonly string[]): ChildProcess {
  const command = enclose({ program, args, cwd: root, env: { PATH: '/usr/bin:/bin' }, readable: [], writable: [] })
  return spawn(command.program, [...command.args], { cwd: command.cwd, env: { ...command.env }, stdio: ['pipe', 'pipe', 'inherit'] })
}

async function timeStart(enclosure: Pick<Enclosure, 'enclose'>): Promise<number> {
  const begun = performance.now()
  await once(start(enclosure, '/bin/true', []), 'exit')
  return performance.now() - begun
}

interface Figures {
  readonly first: number
  readonly stream: number
}

async function ask(enclosure: Pick<Enclosure, 'enclose'>, url: string, key: string): Promise<Figures & { readonly memory: number }> {
  const child = start(enclosure, process.execPath, ['--input-type=module', '--eval', client, '--', url, key])
  const [line] = (await once(createInterface({ input: child.stdout ?? process.stdin }), 'line')) as [string]
  const memory = await readMemory(child.pid ?? 0)
  child.stdin?.end()
  await once(child, 'exit')
  return { ...(JSON.parse(line) as Figures), memory }
}

/** Private megabytes of a process tree, without the Node that only plays the agent. */
async function readMemory(pid: number): Promise<number> {
  const [name, rollup, children] = await Promise.all(
    ['comm', 'smaps_rollup', `task/${pid}/children`].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
  )
  const own = /^(?:node|MainThread)/.test(name ?? '') ? 0 : Number(/^Pss: +(\d+)/m.exec(rollup ?? '')?.[1] ?? 0) / 1024
  const below = await Promise.all(
    (children ?? '')
      .split(' ')
      .filter(Boolean)
      .map((child) => readMemory(Number(child))),
  )
  return below.reduce((sum, one) => sum + one, own)
}

const starts = { bare: [] as number[], walled: [] as number[], opening: [] as number[] }
const figures = { bare: [] as Figures[], walled: [] as Figures[] }
const memory: number[] = []
for (let round = 0; round < rounds; round += 1) {
  starts.bare.push(await timeStart(bare))
  figures.bare.push(await ask(bare, upstream, 'none'))
  const begun = performance.now()
  const { enclosure, url, key } = await open()
  starts.opening.push(performance.now() - begun)
  starts.walled.push(await timeStart(enclosure))
  const walled = await ask(enclosure, url, key)
  figures.walled.push(walled)
  memory.push(walled.memory)
  await enclosure[Symbol.asyncDispose]()
}

const first = { bare: median(figures.bare.map((one) => one.first)), walled: median(figures.walled.map((one) => one.first)) }
const stream = { bare: median(figures.bare.map((one) => one.stream)), walled: median(figures.walled.map((one) => one.stream)) }
const added = median(starts.walled) - median(starts.bare) + median(starts.opening)
console.log(`medians of ${rounds} rounds, bare -> behind wall and gateway
start of a program       ${show(median(starts.bare))} -> ${show(median(starts.walled))} ms, and ${show(median(starts.opening))} ms to prepare: ${show(added)} ms added (at most 40)
first byte of an answer  ${show(first.bare)} -> ${show(first.walled)} ms: ${show(first.walled - first.bare)} ms added (at most 3)
stream at full speed     ${show(stream.bare)} -> ${show(stream.walled)} MB/s; 1,000 tokens a second are 0.1 MB/s
helpers' private memory  ${show(median(memory))} MB (at most 10)`)
