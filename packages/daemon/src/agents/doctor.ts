import { accessSync, constants } from 'node:fs'
import type { RuntimeSummary } from '@codesdkd/protocol'
import { StartFailure } from '../core/start-failure.ts'
import { DamagedKeys } from '../keys/key-store.ts'
import type { SandboxInfo } from '../sandbox-status.ts'
import { makeDataDir } from '../storage/data-dir.ts'
import { toAlias } from '../configuration/runtime-names.ts'
import { findNpm } from './npm.ts'
import type { Room } from './room.ts'
import { toJson, type Report } from '../report.ts'

/** One thing that was looked at. */
interface Finding {
  readonly about: string
  /** `error`: it cannot be used like this. */
  readonly level: 'ok' | 'warning' | 'error'
  readonly message: string
  /** What mends it: a command, where there is one. */
  readonly mend: string | null
}

/** `codesdkd agents doctor`: what is wrong, and what mends it. Exit code 0 when sessions of the default runtime can work. */
export async function examineAgents(room: Room, json: boolean): Promise<Report> {
  const summaries = await room.directory.list()
  const dataDir = examineDataDir(room.config.dataDir)
  const agents = await Promise.all(summaries.map((summary) => examineAgent(room, summary)))
  const sandbox = toSandboxFinding(await room.sandbox())
  const keys = examineKeys(room.keys)
  const findings = [dataDir, await examineNpm(), sandbox, keys, ...agents.flat()]
  const needed = [dataDir, sandbox, ...(agents[0] ?? [])]
  const usable = needed.every(({ level }) => level !== 'error')
  const stdout = json ? toJson({ ok: usable, findings }) : `${findings.map(toLine).join('')}${verdict(usable, room.config.defaultRuntime)}`
  return { exitCode: usable ? 0 : 1, stdout }
}

function toLine({ about, level, message, mend }: Finding): string {
  return `${level.padEnd(7)}  ${about}: ${message}${mend === null ? '' : ` -> ${mend}`}\n`
}

function verdict(usable: boolean, runtime: string): string {
  return `${runtime}, the default runtime, ${usable ? 'can be used' : 'cannot be used'}.\n`
}

function examineDataDir(path: string): Finding {
  const about = 'data directory'
  try {
    accessSync(makeDataDir(path), constants.W_OK | constants.X_OK)
    return { about, level: 'ok', message: path, mend: null }
  } catch (error) {
    const message = error instanceof StartFailure ? error.message : `${path} cannot be written.`
    return { about, level: 'error', message, mend: 'choose another one with --data-dir' }
  }
}

function toSandboxFinding({ mode, available, kind, reason, remedy }: SandboxInfo): Finding {
  const about = 'sandbox'
  if (available) return { about, level: 'ok', message: kind ?? 'there is one', mend: null }
  return { about, level: mode === 'require' ? 'error' : 'warning', message: reason ?? 'there is none', mend: remedy ?? null }
}

function examineKeys(store: Room['keys']): Finding {
  const about = 'keys'
  try {
    const names = store.list().map(({ namespace, runtime, variable }) => `${variable} of ${toAlias(runtime)} in ${namespace}`)
    return { about, level: 'ok', message: names.join(', ') || 'none is stored', mend: null }
  } catch (error) {
    if (!(error instanceof DamagedKeys)) throw error
    return { about, level: 'error', message: error.message, mend: null }
  }
}

async function examineNpm(): Promise<Finding> {
  const npm = await findNpm()
  if (npm !== null) return { about: 'npm', level: 'ok', message: npm, mend: null }
  return {
    about: 'npm',
    level: 'warning',
    message: 'it is neither beside node nor on the PATH, so agents cannot be installed',
    mend: 'install Node with npm',
  }
}

async function examineAgent({ supported, runtimes, environment }: Room, summary: RuntimeSummary): Promise<readonly Finding[]> {
  const { runtime: name, installed, version, healthy, auth } = summary
  const about = toAlias(name)
  const entry = supported.get(name)
  const runtime = runtimes.get(name)
  if (entry === undefined || runtime === undefined) return []
  const install = entry.packages.length > 0 ? `codesdkd agents install ${about}` : 'check the command it was configured with'
  if (!installed) return [{ about, level: 'error', message: 'it is not installed', mend: install }]
  const findings: Finding[] = []
  if (!healthy) findings.push({ about, level: 'error', message: summary.error?.message ?? 'it does not work', mend: install })
  const { tested } = entry
  if (version !== null && tested !== undefined && isOlder(version, tested))
    findings.push({
      about,
      level: 'warning',
      message: `${version} is older than ${tested}, which the daemon was tested with`,
      mend: install,
    })
  if (!auth.logged_in) {
    const { login_hint } = await runtime.authStatus(await environment(runtime, null))
    findings.push({ about, level: 'error', message: 'nobody is logged in', mend: login_hint ?? null })
  }
  findings.push(...examineVerification(summary))
  return findings.some(({ level }) => level === 'error')
    ? findings
    : [{ about, level: 'ok', message: version ?? 'it works', mend: null }, ...findings]
}

function examineVerification({ runtime, verified_at, stale }: RuntimeSummary): readonly Finding[] {
  const about = toAlias(runtime)
  if (verified_at === null || !stale) return []
  return [
    {
      about,
      level: 'warning',
      message: 'another version was verified than the one that is installed',
      mend: `codesdkd agents verify ${about}`,
    },
  ]
}

/** Whether the first of two versions is the older one; what follows the three numbers does not count. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('-')[0]?.split('.').map(Number) ?? [])
  for (const [index, part] of (b ?? []).entries()) {
    const mine = a?.[index] ?? 0
    if (mine !== part) return mine < part
  }
  return false
}
