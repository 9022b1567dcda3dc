import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AgentsRequest } from '../configuration/agents-request.ts'
import { makeDataDir } from '../storage/data-dir.ts'
import { toCommand } from '../runtimes/launch.ts'
import { toAlias } from '../configuration/runtime-names.ts'
import { toSupported } from '../installed/supported-runtimes.ts'
import type { Room } from './room.ts'
import type { Report } from '../report.ts'

/** What a login in a browser needs besides what agents are given: a person sits here. */
const forBrowser = ['DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER', 'XDG_RUNTIME_DIR']

type LoginRequest = Extract<AgentsRequest, { action: 'login' }>

/**
 * `codesdkd agents login`: the agent's own login, at this terminal, in the home that sessions of this namespace will have. Exit code:
 * the agent's own; 1 when nobody is logged in afterwards. Throws `StartFailure`.
 */
export async function loginAgent(room: Room, { name, namespace, args }: LoginRequest): Promise<Report> {
  const { login, loginVariables } = toSupported(name, room.supported)
  const runtime = room.runtimes.get(name)
  if (runtime === undefined) throw new Error('there is no such runtime')
  makeDataDir(room.config.dataDir)
  const env = await room.environment(runtime, namespace, 'prepared')
  const alias = toAlias(name)
  if (login === null) {
    const { logged_in, login_hint } = await runtime.authStatus(env)
    const instead = logged_in ? 'It is logged in.' : (login_hint ?? '')
    return { exitCode: logged_in ? 0 : 1, stdout: `${alias} has no login command of its own. ${instead}\n` }
  }
  if (env.executable === null) return { exitCode: 1, stdout: `${alias} is not installed. Run "codesdkd agents install ${alias}".\n` }
  const browser = Object.fromEntries(forBrowser.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])))
  const exitCode = await converse(env.executable, [...login, ...args], { ...browser, ...env.variables, ...loginVariables?.(env) }, env.home)
  const { logged_in } = await runtime.authStatus(env)
  const where = namespace === null ? '' : ` in the namespace ${namespace}`
  return { exitCode: exitCode === 0 && !logged_in ? 1 : exitCode, stdout: `${alias} is ${logged_in ? '' : 'not '}logged in${where}.\n` }
}

/** Gives the terminal to a program until it ends; its exit code. */
async function converse(executable: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<number> {
  const [program, ...first] = toCommand(executable)
  const child = spawn(program, [...first, ...args], { stdio: 'inherit', env, cwd })
  // Ctrl-C reaches both: what it means is for the program to say. Other signals are sent to one process alone.
  process.on('SIGINT', () => undefined)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}
