import type { Verification } from '@codesdkd/protocol'
import { makeDataDir } from '../storage/data-dir.ts'
import { toAlias } from '../configuration/runtime-names.ts'
import { toSupported } from '../installed/supported-runtimes.ts'
import type { Room } from './room.ts'
import { toJson, toTable, type Report } from '../report.ts'

/**
 * `codesdkd agents verify`: measures one agent, or all that are installed, one after the other. Exit code 1 when one of them is not as it
 * was declared, or could not be measured. Throws `Problem` and `StartFailure`.
 */
export async function verifyAgents(room: Room, name: string, json: boolean, signal: AbortSignal): Promise<Report> {
  if (name !== 'all') toSupported(name, room.supported)
  makeDataDir(room.config.dataDir)
  const names = name === 'all' ? await installed(room) : [name]
  const verifications: Verification[] = []
  for (const one of names) verifications.push(await room.directory.verify(one, signal))
  const exitCode = verifications.every(({ probes }) => probes.every(({ ok }) => ok)) ? 0 : 1
  return { exitCode, stdout: json ? toJson({ verifications }) : verifications.map(toText).join('\n') || 'No agent is installed.\n' }
}

async function installed({ directory }: Room): Promise<readonly string[]> {
  return (await directory.list()).flatMap((one) => (one.installed ? [one.runtime] : []))
}

function toText({ runtime, agent_version, probes, differences }: Verification): string {
  const head = ['PROBE', 'CAPABILITY', 'DECLARED', 'MEASURED', 'MS', '']
  const rows = probes.map(({ name, capability, declared, measured, ok, duration_ms, detail }) => [
    name,
    capability ?? '-',
    capability === null ? '-' : String(declared ?? 'no limit'),
    String(measured ?? 'not told'),
    String(duration_ms),
    `${ok ? 'ok  ' : 'NOT '} ${detail}`,
  ])
  const failed = probes.filter(({ ok }) => !ok).length
  const told = failed === 0 ? 'as declared' : `${differences.length} differences, ${failed - differences.length} not told`
  return `${toAlias(runtime)} ${agent_version ?? '(version unknown)'}: ${told}\n${toTable([head, ...rows])}`
}
