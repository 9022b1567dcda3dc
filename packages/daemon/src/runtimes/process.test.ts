import { readFileSync } from 'node:fs'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { eachLine } from './testing/each-line.ts'
import { SpawnFailure, openProcess } from './process.ts'
import type { AgentProcess, ProcessOptions } from './process.ts'

const silent = { started: () => {}, ended: () => {} }
const options = {
  cwd: tmpdir(),
  env: { PATH: process.env['PATH'] ?? '' },
  mark: 'mark',
  ledger: silent,
  stopGraceMs: 300,
  exitGraceMs: 100,
}

const run = (script: string, more: Partial<ProcessOptions> = {}): Promise<AgentProcess> =>
  openProcess({ ...options, executable: process.execPath, args: ['-e', script], ...more })
const sh = (script: string): Promise<AgentProcess> => openProcess({ ...options, executable: '/bin/sh', args: ['-c', script] })

async function next(lines: AgentProcess['lines']): Promise<string> {
  for await (const { text } of eachLine(lines)) return text
  throw new Error('the output has ended')
}

/** A process that has ended may stay in the list until someone takes note of it. */
function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z'
  } catch {
    return false
  }
}

test('reads lines, writes lines, and tells the end', async () => {
  await using agent = await run('process.stdin.on("data", (data) => { console.log("got " + data); process.exit(3) })')
  agent.write('hello')
  expect(await Array.fromAsync(eachLine(agent.lines))).toEqual([{ text: 'got hello', truncated: false }])
  expect(await agent.ended).toEqual({ exitCode: 3, signal: null, stderrTail: '' })
  expect(agent.alive).toBe(false)
})

test('carries the mark, leads its own group, and is in the ledger while it lives', async () => {
  const ledger: string[] = []
  const noted = {
    started: (one: { pid: number; mark: string }) => ledger.push(`started ${one.pid} ${one.mark}`),
    ended: (pid: number) => ledger.push(`ended ${pid}`),
  }
  await using agent = await run('console.log(process.env.CODESDKD_PROCESS)', { ledger: noted })
  expect(await Array.fromAsync(eachLine(agent.lines))).toEqual([{ text: 'mark', truncated: false }])
  await agent.ended
  expect(ledger).toEqual([`started ${agent.pid} mark`, `ended ${agent.pid}`])
})

describe('behind another process, as a sandbox puts it', () => {
  /** Starts a program in a session of its own and ends as it did: signals that it gets itself end it at once. */
  const behind = (program: string) =>
    `const { spawn } = require("node:child_process"); const child = spawn(process.execPath, ["-e", ${JSON.stringify(program)}], { stdio: "inherit", detached: true });
    child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + require("node:os").constants.signals[signal]))`

  test('the program itself is asked to end', async () => {
    const agent = await run(behind('process.on("SIGTERM", () => process.exit(42)); setInterval(() => {}, 1e6); console.log("up")'), {
      depth: 1,
    })
    expect(await next(agent.lines)).toBe('up')
    await agent[Symbol.asyncDispose]()
    expect(await agent.ended).toMatchObject({ exitCode: 42, signal: null })
  })

  test('its death by a signal is told as such', async () => {
    await using agent = await run(behind('process.kill(process.pid, "SIGKILL")'), { depth: 1 })
    expect(await agent.ended).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  })
})

test('half a line before the exit is delivered, and so is one that comes in parts', async () => {
  await using agent = await run('process.stdout.write("wh"); setTimeout(() => process.stdout.write("ole\\nhalf"), 50)')
  expect(await Array.fromAsync(eachLine(agent.lines))).toEqual([
    { text: 'whole', truncated: false },
    { text: 'half', truncated: false },
  ])
})

test('a line of 100 MB is cut, and the next one arrives', async () => {
  await using agent = await run(
    'const part = "x".repeat(1 << 20); for (let i = 0; i < 100; i++) process.stdout.write(part); process.stdout.write("\\nnext\\n")',
  )
  const lines = await Array.fromAsync(eachLine(agent.lines), ({ text, truncated }) => [text.length, truncated])
  expect(lines).toEqual([
    [8 * 1024 * 1024, true],
    [4, false],
  ])
})

test('a flood waits for its reader and loses nothing', async () => {
  await using agent = await run('for (let i = 0; i < 20000; i++) console.log(String(i).padStart(200, "0"))')
  let count = 0
  for await (const { text } of eachLine(agent.lines)) {
    expect(Number(text)).toBe(count)
    count += 1
    if (count % 2000 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(count).toBe(20000)
})

test('what was written before the exit is read after it, however late', async () => {
  await using agent = await run('for (let i = 0; i < 250; i++) console.log(String(i).padStart(200, "0"))')
  const seen: number[] = []
  for await (const { text } of eachLine(agent.lines)) {
    // Several graces pass while the reader sleeps.
    if (seen.length === 0) await agent.ended.then(() => delay(350))
    seen.push(Number(text))
  }
  expect(seen).toEqual(Array.from({ length: 250 }, (_, index) => index))
})

test('a stray that goes on writing is not listened to for ever', async () => {
  await using agent = await sh('setsid sh -c \'trap "" PIPE; echo $$; while :; do echo stray; done\' & read line')
  let stray = 0
  for await (const { text } of eachLine(agent.lines)) {
    stray ||= Number(text)
    agent.write('end')
  }
  expect(runs(stray)).toBe(true)
  process.kill(stray, 'SIGKILL')
})

test('of stderr the last 64 KB are kept, without colours', async () => {
  await using agent = await run('process.stderr.write("a".repeat(1 << 20)); process.stderr.write("\\u001b[31mlast words\\u001b[0m")')
  const { stderrTail } = await agent.ended
  expect(stderrTail).toMatch(/aaalast words$/)
  expect(stderrTail.length).toBeLessThanOrEqual(64 * 1024)
})

test('writing to an agent that has gone does no harm', async () => {
  await using agent = await sh('exec 0<&-; exit 0')
  for (let i = 0; i < 100; i += 1) agent.write('x'.repeat(100_000))
  expect(await agent.ended).toMatchObject({ exitCode: 0 })
  agent.write('more')
})

test('ends by itself when stdin closes', async () => {
  const agent = await run(
    'process.on("SIGTERM", () => {}); process.stdin.resume().on("end", () => { console.error("bye"); process.exit(0) }); console.log("up")',
  )
  expect(await next(agent.lines)).toBe('up')
  await agent[Symbol.asyncDispose]()
  expect(await agent.ended).toEqual({ exitCode: 0, signal: null, stderrTail: 'bye\n' })
})

test('is killed when it ignores stdin and SIGTERM, and with it its group', async () => {
  const agent = await sh("trap '' TERM; sleep 3000 & echo $!; while :; do sleep 1; done")
  const child = Number(await next(agent.lines))
  await agent[Symbol.asyncDispose]()
  expect(await agent.ended).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  expect([runs(agent.pid), runs(child)]).toEqual([false, false])
})

test('an agent killed from outside takes its group along', async () => {
  await using agent = await sh('sleep 3000 & echo $!; wait')
  const child = Number(await next(agent.lines))
  process.kill(agent.pid, 'SIGKILL')
  expect(await agent.ended).toMatchObject({ signal: 'SIGKILL' })
  while (runs(child)) await new Promise((resolve) => setImmediate(resolve))
})

test('the output ends with the agent, even if a child that left the group keeps it open', async () => {
  await using agent = await sh("setsid sh -c 'echo $$; exec sleep 3000' & read line")
  let stray = 0
  for await (const { text } of eachLine(agent.lines)) {
    stray = Number(text)
    agent.write('end')
  }
  expect(await agent.ended).toMatchObject({ exitCode: 0 })
  expect(runs(stray)).toBe(true)
  process.kill(stray, 'SIGKILL')
})

const failure = (executable: string) =>
  openProcess({ ...options, executable, args: [] }).then(
    () => null,
    (error: unknown) => error,
  )

test('what cannot be started is a typed failure', async () => {
  await using directory = await mkdtempDisposable(path.join(tmpdir(), 'process-'))
  const plain = path.join(directory.path, 'plain')
  await writeFile(plain, '#!/bin/sh\n', { mode: 0o644 })
  expect(await failure(path.join(directory.path, 'none'))).toEqual(new SpawnFailure('ENOENT'))
  expect(await failure(plain)).toEqual(new SpawnFailure('EACCES'))
  expect(await failure('with\0zero')).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
})
