import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { until } from '../lifecycle/testing/processes.ts'

/** A proxy that shows a daemon under `/agents`. */
export interface Proxy extends AsyncDisposable {
  /** The daemon as it is called there. */
  readonly url: string
}

interface RunOptions {
  readonly port: number
  readonly stop: NodeJS.Signals
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a proxy and resolves when it answers, whatever it answers. */
export async function runProxy(command: readonly [string, ...string[]], { port, stop, env = {} }: RunOptions): Promise<Proxy> {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const gone = once(child, 'exit')
  const url = `http://127.0.0.1:${port}/agents`
  const answers = () =>
    fetch(`${url}/livez`).then(
      () => true,
      () => false,
    )
  await until(`${program} answers`, async () => child.exitCode !== null || (await answers()))
  assert.equal(child.exitCode, null, `${program} has ended`)
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill(stop)
      const late = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await gone
      clearTimeout(late)
    },
  }
}
