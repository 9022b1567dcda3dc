import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isInside } from '../core/policy/readers.ts'
import type { Runtime } from '../core/ports.ts'
import { toInstallDirectory } from '../installed/agent-executables.ts'
import { readAgentVersion } from '../installed/agent-version.ts'
import type { SupportedRuntime } from '../runtimes/index.ts'
import { makeDataDir } from '../storage/data-dir.ts'
import { toAlias } from '../configuration/runtime-names.ts'
import { toSupported } from '../installed/supported-runtimes.ts'
import { findNpm, runNpm } from './npm.ts'
import type { Room } from './room.ts'
import { toJson, type Report } from '../report.ts'

interface Installed {
  readonly runtime: string
  readonly installed: boolean
  readonly version: string | null
  readonly executable: string | null
  readonly message: string
}

/**
 * `codesdkd agents install`: the pinned version of one agent, or of all, into the data directory. What npm says goes to stderr. Exit code 1
 * when one of them is not there afterwards; then what was there before still is. Throws `StartFailure`.
 */
export async function installAgents(room: Room, name: string, json: boolean, signal: AbortSignal): Promise<Report> {
  const wanted = name === 'all' ? [...room.supported].filter(([, { packages }]) => packages.length > 0).map(([one]) => one) : [name]
  for (const one of wanted) toSupported(one, room.supported)
  makeDataDir(room.config.dataDir)
  const npm = await findNpm()
  const results: Installed[] = []
  for (const one of wanted) results.push(await install(room, one, npm, signal))
  const exitCode = results.every(({ installed }) => installed) ? 0 : 1
  return { exitCode, stdout: json ? toJson({ runtimes: results }) : results.map(({ message }) => `${message}\n`).join('') }
}

async function install(room: Room, name: string, npm: string | null, signal: AbortSignal): Promise<Installed> {
  const alias = toAlias(name)
  const failed = (message: string): Installed => ({
    runtime: name,
    installed: false,
    version: null,
    executable: null,
    message: `${alias}: ${message}`,
  })
  const supported = toSupported(name, room.supported)
  const runtime = room.runtimes.get(name)
  if (runtime === undefined || supported.packages.length === 0) return failed('it is not installed with npm; install it as its maker says.')
  if (npm === null) return failed('npm was found neither beside node nor on the PATH.')
  const target = toInstallDirectory(room.config.dataDir, name)
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  const draft = mkdtempSync(join(dirname(target), `.${name}-`))
  try {
    writeFileSync(join(draft, 'package.json'), '{ "private": true }\n', { mode: 0o600 })
    if (!(await runNpm(npm, draft, supported.packages, signal))) return failed(`npm could not install ${supported.packages.join(' ')}.`)
    const version = await tryOut(room, runtime, { supported, installed: draft, signal })
    if (version === null) return failed(`what npm installed (${supported.packages.join(' ')}) does not work here.`)
    replace(target, draft)
    const now = await room.executables.find(name)
    const elsewhere = now?.source === 'installed' ? '' : ' It is not used: another executable is configured.'
    const message = `${alias} ${version} is installed: ${now?.path ?? ''}.${elsewhere}`
    return { runtime: name, installed: true, version, executable: now?.path ?? null, message }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

interface Trial {
  readonly supported: SupportedRuntime
  readonly installed: string
  readonly signal: AbortSignal
}

/** The version that the agent tells where it was installed; null when it is not found there or tells none. */
async function tryOut(room: Room, runtime: Runtime, { supported, installed, signal }: Trial): Promise<string | null> {
  const executable = await supported.findExecutable({ configured: null, installed, searchPath: '' })
  if (executable === null || !isInside(realpathSync(installed), executable)) return null
  const env = await room.environment(runtime, null)
  return readAgentVersion(runtime, { ...env, executable }, signal)
}

/** What was there makes room whole, and comes back when the new one cannot take its place. */
function replace(target: string, draft: string): void {
  const old = existsSync(target) ? join(mkdtempSync(`${draft}-old-`), 'before') : null
  if (old !== null) renameSync(target, old)
  try {
    renameSync(draft, target)
  } catch (error) {
    if (old !== null) renameSync(old, target)
    throw error
  } finally {
    if (old !== null) rmSync(dirname(old), { recursive: true, force: true })
  }
}
