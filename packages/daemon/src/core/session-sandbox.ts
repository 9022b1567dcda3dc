import { Problem, type CreateSession, type SandboxMode } from '@codesdkd/protocol'
import { isInside } from './policy/readers.ts'
import { RuntimeFailure, type SandboxSettings, type SessionRecord } from './ports.ts'

/** What a wall lets through beside the workspace and the model. */
export interface SandboxGrants {
  readonly writableRoots: readonly string[]
  readonly readableRoots: readonly string[]
  readonly networkAllow: readonly string[]
}

/** Whether this machine has a wall; if not, why, and what can be done about it. */
export type WallPresence =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string; readonly remedy: string | null }

/** What the daemon was started with, as far as walls are concerned. */
export interface SandboxRules extends SandboxGrants {
  readonly sandbox: SandboxMode
  readonly wall: WallPresence
  /** Where what is made is obeyed outside of the wall later: no walled session may write a directory that is or contains one. Real paths. */
  readonly personal: readonly string[]
  /** What the sessions of a credential namespace get besides. */
  readonly namespaces: ReadonlyMap<string, SandboxGrants>
}

/**
 * The real path of a root. `asked`: by a request, which the daemon may confine; `given`: by whoever started the daemon.
 * Throws `Problem`: `invalid_request`, `root_not_allowed`.
 */
export type CheckRoot = (path: string, kind: 'writable' | 'readable', by: 'asked' | 'given') => Promise<string>

interface Wishes extends Pick<CreateSession, 'sandbox' | 'writable_roots' | 'readable_roots' | 'network' | 'credential_namespace'> {
  /** The real path of the working directory. */
  readonly cwd: string
}

/** What holds for a new session. Throws the problems of `POST /sessions`. */
export async function toSandboxSettings(wishes: Wishes, rules: SandboxRules, checkRoot: CheckRoot): Promise<SandboxSettings> {
  const mode = toMode(wishes.sandbox, rules)
  const given = [rules, rules.namespaces.get(wishes.credential_namespace ?? 'default') ?? none]
  const toRoots = async (kind: 'writable' | 'readable', asked: readonly string[] = []) => {
    const own = given.flatMap(({ writableRoots, readableRoots }) => (kind === 'writable' ? writableRoots : readableRoots))
    const checked = [...own.map((path) => checkGiven(path, kind, checkRoot)), ...asked.map((path) => checkRoot(path, kind, 'asked'))]
    return distinct(await Promise.all(checked))
  }
  const walled = mode !== 'off' && rules.wall.available
  const writableRoots = await toRoots('writable', wishes.writable_roots)
  if (walled) {
    refusePersonal(wishes.cwd, 'cwd', rules)
    for (const root of writableRoots) refusePersonal(root, 'writable_roots', rules)
  }
  const hosts = [...given.flatMap(({ networkAllow }) => networkAllow), ...(wishes.network?.allow ?? [])]
  return {
    mode,
    walled,
    writableRoots,
    readableRoots: await toRoots('readable', wishes.readable_roots),
    networkAllow: distinct(hosts.map((host) => host.toLowerCase())),
  }
}

const none: SandboxGrants = { writableRoots: [], readableRoots: [], networkAllow: [] }

/** Of sessions that are older than sandboxes: nothing was promised to them, and nothing changes for them. */
export const noSandbox: SandboxSettings = { mode: 'off', walled: false, ...none }

/** Whether the session's agent has to run behind the wall. */
export function isWalled({ sandbox }: Pick<SessionRecord, 'sandbox'>): boolean {
  return sandbox.walled
}

/**
 * What was promised when the session was opened still has to hold when its agent starts, maybe under another daemon, on another
 * machine: the wall stands, and the ways through it lead where they led. Rejects with `RuntimeFailure`, so that there is no agent.
 */
export async function checkSandbox(
  { cwd, sandbox }: Pick<SessionRecord, 'cwd' | 'sandbox'>,
  { rules, checkRoot }: { readonly rules: Pick<SandboxRules, 'sandbox' | 'wall' | 'personal'>; readonly checkRoot: CheckRoot },
): Promise<void> {
  if (!sandbox.walled) {
    if (rules.sandbox === 'require') fail('sandbox_unavailable', 'The session was opened without a sandbox, and this daemon requires one.')
    return
  }
  if (rules.sandbox === 'off') fail('sandbox_unavailable', 'The session runs in a sandbox only, and the daemon runs with --sandbox off.')
  if (!rules.wall.available) fail('sandbox_unavailable', `The session runs in a sandbox only, and there is none: ${toText(rules.wall)}`)
  for (const place of [cwd, ...sandbox.writableRoots])
    if (isPersonal(place, rules)) fail('cwd_not_allowed', `${place} is a home now, or contains one: ${whyPersonal}`)
  const roots = [
    ...sandbox.writableRoots.map((path) => ({ path, kind: 'writable' as const })),
    ...sandbox.readableRoots.map((path) => ({ path, kind: 'readable' as const })),
  ]
  for (const { path, kind } of roots) {
    // Confined or not was told when the session was opened.
    const real = await checkRoot(path, kind, 'given').catch(absent)
    if (real !== path) fail('cwd_not_allowed', `The ${kind} root ${path} of the session is gone, or leads elsewhere now.`)
  }
}

function toMode(wish: SandboxMode | undefined, { sandbox, wall }: SandboxRules): SandboxMode {
  const mode = wish ?? sandbox
  if (sandbox === 'require' && mode === 'off') {
    throw new Problem('sandbox_not_allowed', 'This daemon runs every agent in a sandbox.', { members: { allowed: ['auto', 'require'] } })
  }
  if (sandbox === 'off' && mode === 'require') unavailable({ reason: 'The daemon runs with --sandbox off.', remedy: 'Start it without.' })
  if (sandbox === 'off') return 'off'
  const effective = sandbox === 'require' ? 'require' : mode
  if (effective === 'require' && !wall.available) unavailable(wall)
  return effective
}

const whyPersonal = 'what an agent leaves there, the shells and programs of the user run outside of the sandbox later.'

function isPersonal(place: string, { personal }: Pick<SandboxRules, 'personal'>): boolean {
  return personal.some((one) => isInside(place, one))
}

/** Startup files that do not exist cannot be kept from being made. */
function refusePersonal(place: string, field: 'cwd' | 'writable_roots', rules: SandboxRules): void {
  if (!isPersonal(place, rules)) return
  const ways = [
    'Choose a folder inside it',
    ...(rules.sandbox === 'require' ? [] : ['open the session with "sandbox":"off"']),
    'or start the daemon with another HOME',
  ]
  const reason = `${place} is, or contains, the home of the daemon's user or its settings: ${whyPersonal}`
  const remedy = `${ways.join(', ')}.`
  throw new Problem('root_not_allowed', toText({ reason, remedy }), { members: { field, reason, remedy } })
}

/** What the daemon was told itself is not the client's mistake. */
async function checkGiven(path: string, kind: 'writable' | 'readable', checkRoot: CheckRoot): Promise<string> {
  const real = await checkRoot(path, kind, 'given').catch(absent)
  if (real !== null) return real
  return unavailable({
    reason: `The ${kind} root ${path}, which the daemon was started with, is not there or not allowed.`,
    remedy: 'Make it, or start the daemon without it.',
  })
}

function absent(error: unknown): null {
  if (error instanceof Problem) return null
  throw error
}

interface Absence {
  readonly reason: string
  readonly remedy: string | null
}

function unavailable({ reason, remedy }: Absence): never {
  throw new Problem('sandbox_unavailable', toText({ reason, remedy }), { members: { reason, remedy } })
}

function fail(code: 'sandbox_unavailable' | 'cwd_not_allowed', message: string): never {
  throw new RuntimeFailure({ code, message, retryable: false })
}

/** Reason and remedy as sentences one after the other. */
export function toText({ reason, remedy }: Absence): string {
  return remedy === null ? reason : `${reason} ${remedy}`
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
