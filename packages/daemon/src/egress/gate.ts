import { isIP } from 'node:net'
import { until } from './until.ts'
import { isLocalName, toAuthority, type Target } from './host.ts'
import { matchesHost, matchesTarget, toHostPattern, type HostPattern } from './host-pattern.ts'
import { isOutsideAddress } from './outside-address.ts'
import { Refusal } from './refusal.ts'
import { createResolver, resolveBySystem, type Resolve } from './resolver.ts'

/** What somebody who is asked about a connection says. The reason is told to the agent. */
export type Judgement = { readonly decision: 'allowed' } | { readonly decision: 'denied'; readonly reason: string }

export interface GateOptions {
  /** Patterns of what needs no question: `name`, `*.name`, an address, `*`, each with or without `:port`. Read anew for each connection. */
  readonly allow: () => readonly string[]
  /** Patterns of what is refused without a question, even where `allow` has it. */
  readonly deny?: () => readonly string[]
  /**
   * What is settled without asking anybody; null where somebody has to be asked. It is called before the name is looked up, so that
   * of a name that is denied anyhow no DNS server ever hears: names carry secrets as well as anything else.
   */
  readonly known?: (target: Target) => Judgement | null
  /** Asks about one host and port. It may take as long as a person takes; connections that want the same meanwhile wait for it too. */
  readonly judge: (target: Target) => Promise<Judgement>
  readonly resolve?: Resolve
  /** What an address must be for anything to be connected to it. */
  readonly isPublic?: (address: string) => boolean
  /** The ports that a pattern without one means: 80 and 443. */
  readonly usualPorts?: readonly number[]
}

export interface Gate {
  /**
   * Resolves to the addresses that were checked and may be connected to, and to no others; empty where the name cannot be resolved
   * here and `unresolved` allows that. Rejects with `Refusal`, or with the reason of the signal.
   */
  admit(target: Target, unresolved: boolean, signal: AbortSignal): Promise<readonly string[]>
}

const ELSEWHERE = 'Go on without it, or tell the user that network.allow of the session has to name it.'

/** The rules, in their order: port, address, local name, deny list, allow list, what is settled, addresses of the name, question. */
export function createGate(options: GateOptions): Gate {
  const { usualPorts = [80, 443], isPublic = isOutsideAddress } = options
  const resolve = createResolver(options.resolve ?? resolveBySystem)
  const ask = joined(options.judge)

  async function lookUp(target: Target, unresolved: boolean, signal: AbortSignal): Promise<readonly string[]> {
    const { host } = target
    const addresses = await resolve(host, signal).catch((error: unknown) => {
      if (unresolved && error instanceof Refusal && error.status !== 503) return []
      throw error
    })
    if (addresses.every((address) => isPublic(address))) return addresses
    throw notPublic(target, `Host ${host} leads to an address that is not public`)
  }

  return {
    async admit(target, unresolved, signal) {
      const allow = toPatterns(options.allow())
      refusePort(target, allow, usualPorts)
      const deny = toPatterns(options.deny?.() ?? [])
      if (isIP(target.host) !== 0) {
        if (!isPublic(target.host)) throw notPublic(target, `Address ${target.host} is not public`)
        refuseAddress(target, allow, usualPorts)
        refuseListed(target, deny)
        return [target.host]
      }
      if (isLocalName(target.host)) throw notPublic(target, `Host ${target.host} is a local name`)
      refuseListed(target, deny)
      const listed = allow.some((pattern) => matchesTarget(pattern, target, usualPorts))
      const settled: Judgement | null = listed ? { decision: 'allowed' } : (options.known?.(target) ?? null)
      refuseDenied(target, settled)
      const addresses = await lookUp(target, unresolved, signal)
      if (settled === null) refuseDenied(target, await until(ask(target), signal))
      return addresses
    },
  }
}

function refusePort(target: Target, allow: readonly HostPattern[], usualPorts: readonly number[]): void {
  const { host, port } = target
  if (usualPorts.includes(port) || allow.some((pattern) => pattern.port === port && matchesHost(pattern, host))) return
  const reason = `Port ${port} is not allowed in this session: ${usualPorts.join(' and ')} are, and those that network.allow names.`
  throw denial(target, `Port ${port} is not allowed in this session`, reason, ELSEWHERE)
}

/** Addresses are not asked about: nobody can tell who is behind one, and no certificate or list names it. */
function refuseAddress(target: Target, allow: readonly HostPattern[], usualPorts: readonly number[]): void {
  const { host } = target
  if (allow.some((pattern) => pattern.reach === 'exact' && matchesTarget(pattern, target, usualPorts))) return
  const reason = `Address ${host} is not allowed in this session: hosts are reached by their names.`
  throw denial(target, `Address ${host} is not allowed in this session`, reason, 'Use the name of the host.')
}

function refuseListed(target: Target, deny: readonly HostPattern[]): void {
  if (!deny.some((pattern) => matchesHost(pattern, target.host) && (pattern.port ?? target.port) === target.port)) return
  throw denial(target, `Host ${target.host} is blocked`, `Host ${target.host} is blocked in every session.`, 'Go on without it.')
}

function refuseDenied(target: Target, judgement: Judgement | null): void {
  if (judgement?.decision === 'denied')
    throw denial(target, `Host ${target.host} is not allowed in this session`, judgement.reason, ELSEWHERE)
}

function notPublic(target: Target, phrase: string): Refusal {
  return denial(target, phrase, `${phrase}.`, 'Nothing on this machine or in its networks can be reached from here, however it is spelled.')
}

function denial(target: Target, phrase: string, reason: string, advice: string): Refusal {
  return new Refusal(403, phrase, { reason, advice, target })
}

function toPatterns(texts: readonly string[]): readonly HostPattern[] {
  return texts.map(toHostPattern).filter((pattern) => pattern !== null)
}

const unanswered: Judgement = { decision: 'denied', reason: 'Nobody could be asked about this host.' }

/** One question for each target at a time; all who want to know it wait for the one answer. A question that fails is a no. */
function joined(judge: GateOptions['judge']): GateOptions['judge'] {
  const asked = new Map<string, Promise<Judgement>>()
  return (target) => {
    const key = toAuthority(target)
    const open = asked.get(key)
    if (open !== undefined) return open
    const answer = Promise.try(judge, target)
      .catch((): Judgement => unanswered)
      .finally(() => asked.delete(key))
    asked.set(key, answer)
    return answer
  }
}
