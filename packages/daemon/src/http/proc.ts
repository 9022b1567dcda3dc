import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { inSlices } from '../core/in-slices.ts'
import type { AgentProcess } from './context.ts'

/** What /proc tells at one moment. */
export interface Scan {
  /** `local remote` in the kernel's hex, seen from the peer -> owner. */
  readonly sockets: ReadonlyMap<string, { readonly uid: number; readonly inode: string }>
  /** Inodes of the sockets that an agent or a descendant of one holds. */
  readonly agentInodes: ReadonlySet<string>
}

/**
 * Reads the socket tables and, while there are agents, what their processes hold. What is gone or hidden is not there. Rejects with the
 * system's error where the daemon itself is out of something: an agent that took all descriptors would else not be seen.
 */
export async function scanProc(agents: readonly AgentProcess[]): Promise<Scan> {
  const [v4, v6] = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'latin1').catch(absent(''))))
  return {
    sockets: new Map([...parseSocketTable(v4 ?? ''), ...parseSocketTable(v6 ?? '')]),
    agentInodes: agents.length === 0 ? new Set() : await socketsOf(await agentPids(agents)),
  }
}

/** Rows of /proc/net/tcp: `sl local remote state queues timer retransmits uid timeout inode …`. */
export function parseSocketTable(text: string): readonly (readonly [string, { readonly uid: number; readonly inode: string }])[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, remote, , , , , uid, , inode] = line.trim().split(/\s+/)
      return local === undefined || remote === undefined || uid === undefined || inode === undefined
        ? []
        : [[`${local} ${remote}`, { uid: Number(uid), inode }] as const]
    })
}

/** The keys under which the peer's socket may stand: as IPv4, or as IPv6 that carries IPv4. */
export function endpoints(remote: string, remotePort: number, local: string, localPort: number): readonly string[] {
  const locals = formsOf(local)
  return formsOf(remote).flatMap((address, index) => {
    const other = locals[index]
    return other === undefined ? [] : [`${toHex(address)}:${portHex(remotePort)} ${toHex(other)}:${portHex(localPort)}`]
  })
}

function formsOf(address: string): readonly string[] {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain.includes(':') ? [plain] : [plain, `::ffff:${plain}`]
}

function portHex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}

/** An address as the kernel prints it: words of 32 bits, each in the byte order of the machine (little-endian). */
export function toHex(address: string): string {
  const bytes = address.includes(':') ? ipv6Bytes(address) : address.split('.').map(Number)
  const words = Array.from({ length: bytes.length / 4 }, (_unused, index) => bytes.slice(index * 4, index * 4 + 4).toReversed())
  return words
    .flat()
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
    .join('')
}

function ipv6Bytes(address: string): readonly number[] {
  const text = address
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...quad: string[]) =>
      [0, 2].map((at) => ((Number(quad[at]) << 8) | Number(quad[at + 1])).toString(16)).join(':'),
    )
  const [head = '', tail = ''] = text.split('::')
  const [left = [], right = []] = [head, tail].map((part) =>
    part
      .split(':')
      .filter((word) => word !== '')
      .map((word) => Number.parseInt(word, 16)),
  )
  const middle = Array.from<number>({ length: 8 - left.length - right.length }).fill(0)
  return [...left, ...middle, ...right].flatMap((word) => [word >> 8, word & 0xff])
}

/** Processes that are an agent, descend from one, share its session or group, or carry its mark. */
async function agentPids(agents: readonly AgentProcess[]): Promise<readonly number[]> {
  const roots = new Set(agents.flatMap((one) => one.pid ?? []))
  const marks = agents.map((one) => `CODESDKD_PROCESS=${one.mark}`)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const processes = new Map<number, ProcessFacts>()
  for (const facts of await inSlices(pids, readFacts)) if (facts !== null) processes.set(facts.pid, facts)
  return [...processes.values()].filter((facts) => isAgent(facts, roots, marks, processes)).map((facts) => facts.pid)
}

interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly environment: readonly string[]
}

function readFacts(pid: number): ProcessFacts | null {
  const stat = orElse(null, () => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (stat === null) return null
  // The name in parentheses may hold spaces and parentheses of its own.
  const [, parent, group, session] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  if (parent === undefined || group === undefined || session === undefined) return null
  const environment = orElse('', () => readFileSync(`/proc/${pid}/environ`, 'latin1'))
  return { pid, parent, group, session, environment: environment.split('\0') }
}

function isAgent(
  facts: ProcessFacts,
  roots: ReadonlySet<number>,
  marks: readonly string[],
  processes: ReadonlyMap<number, ProcessFacts>,
): boolean {
  if (roots.has(facts.group) || roots.has(facts.session) || marks.some((mark) => facts.environment.includes(mark))) return true
  for (let at: ProcessFacts | undefined = facts, steps = 0; at !== undefined && steps < 1_000; at = processes.get(at.parent), steps++) {
    if (roots.has(at.pid)) return true
  }
  return false
}

async function socketsOf(pids: readonly number[]): Promise<ReadonlySet<string>> {
  const lists = await inSlices(pids, (pid) => orElse([], () => readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`)))
  const targets = await inSlices(lists.flat(), (link) => orElse('', () => readlinkSync(link)))
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
}

/** What is read, or this where the process has ended, or is another user's and does not show it. */
function orElse<T>(value: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    return absent(value)(error)
  }
}

/** `orElse` for promises. */
function absent<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code))) return value
    throw error
  }
}
