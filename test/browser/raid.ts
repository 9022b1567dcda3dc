import { attacks, type Attack, type Standing } from './attacks.ts'
import { openBrowser, type BrowserName } from './browser.ts'
import { openDaemonTarget } from './daemon-target.ts'
import { openHostileServer } from './hostile-server.ts'
import { openOpenTarget } from './open-target.ts'
import { openRebindingProxy } from './rebinding-proxy.ts'
import type { Target } from './target.ts'

/** The servers under attack: daemons in each way to run them, and two without gates that show what the attacks can do. */
export const daemonNames = ['same-user', 'none', 'token', 'opened'] as const
export type TargetName = (typeof daemonNames)[number] | 'no-gates' | 'no-gates-our-headers'

/** What came of one attack on one server. */
export interface Outcome {
  /** What the page got to know; '' is nothing. */
  readonly loot: string
  /** What went wrong in the page, for whoever reads a failure. */
  readonly note: string
  readonly arrived: boolean
  /** How many requests were counted as refused. */
  readonly refused: number
  /** Whether anything is not as it was before. */
  readonly changed: boolean
}

export interface Raid {
  outcome(standing: Standing, attack: string, target: TargetName): Outcome | undefined
}

interface Report {
  readonly standing: string
  readonly attack: string
  readonly spoils: Readonly<Record<string, { readonly loot: string; readonly note: string }>>
}

/** Long enough for a machine that is busy. What comes at all comes at once. */
const ARRIVAL_MS = 5_000
const RAID_MS = 180_000

/** Plays every attack in one start of a browser. Rejects when the browser ends, or has not come to the end in time. */
export async function raid(browser: BrowserName): Promise<Raid> {
  await using stack = new AsyncDisposableStack()
  const outcomes = new Map<string, Outcome>()
  const done = Promise.withResolvers<void>()
  const targets = new Map<string, Target>()
  const before = new Map<string, { readonly state: string; readonly refused: number }>()
  const steps: Step[] = []

  const hostile = stack.use(
    await openHostileServer({
      '/plan': (said) => toPlan(steps, (said as Pick<Report, 'standing'>).standing, browser),
      '/rebind': (said) => {
        const target = targets.get((said as Pick<Report, 'standing'>).standing.split('.')[1] ?? '')
        if (target !== undefined) proxy.rebind(Number(new URL(target.prize.url).port))
      },
      '/heard': async (said) => {
        const { standing, attack, target } = said as Record<string, string>
        const name = target ?? ''
        const signal = AbortSignal.timeout(ARRIVAL_MS)
        await targets
          .get(name)
          ?.arrival(`${standing}.${attack}`, before.get(name)?.refused ?? 0, signal)
          .catch(() => {})
      },
      '/report': async (said) => {
        const report = said as Report
        const attack = attacks.find(({ name }) => name === report.attack)
        const entries = Object.entries(report.spoils).map(async ([name, spoils]) => {
          const target = targets.get(name)
          const was = before.get(name)
          if (attack === undefined || target === undefined || was === undefined)
            throw new Error(`nobody planned ${report.attack} on ${name}`)
          const seen = await look(target, attack, report.standing, was)
          before.set(name, seen.now)
          outcomes.set(`${report.standing.split('.')[0]}/${report.attack}/${name}`, { ...spoils, ...seen.outcome })
        })
        await Promise.all(entries)
      },
      '/done': () => done.resolve(),
      '/failed': (said) => done.reject(new Error(`the page failed: ${String(said)}`)),
    }),
  )
  const proxy = stack.use(await openRebindingProxy(hostile.port))
  for (const target of await openTargets(`http://hub.example:${hostile.port}`)) {
    targets.set(target.prize.name, stack.use(target))
    before.set(target.prize.name, { state: await target.state(), refused: await target.refusals() })
  }
  steps.push(...toSteps(hostile.port, [...targets.values()]))
  const opened = stack.use(await openBrowser(browser, steps[0]?.url ?? '', { hosts, socksPort: proxy.port }))
  await Promise.race([done.promise, opened.ended, late(outcomes)])
  return { outcome: (standing, attack, target) => outcomes.get(`${standing}/${attack}/${target}`) }
}

const hosts = ['evil.example', 'hub.example', 'direct.example']

async function openTargets(allowedOrigin: string): Promise<readonly Target[]> {
  return Promise.all([
    openDaemonTarget('same-user', ['--auth', 'same-user']),
    openDaemonTarget('none', ['--auth', 'none']),
    openDaemonTarget('token', ['--token-file', '{token-file}']),
    openDaemonTarget('opened', ['--auth', 'none', '--allow-origin', allowedOrigin, '--allow-host', 'hub.example']),
    openOpenTarget('no-gates', 'permissive'),
    openOpenTarget('no-gates-our-headers', 'ours'),
  ])
}

/** What an attack has left at a server. */
async function look(target: Target, attack: Attack, standing: string, was: { readonly state: string; readonly refused: number }) {
  const mark = `${standing}.${attack.name}`
  const welcome = attack.granted && target.prize.name === 'opened'
  const sees = (attack.counted && !welcome) || target.prize.name.startsWith('no-gates')
  const arrived = sees
    ? await target.arrival(mark, was.refused, AbortSignal.timeout(ARRIVAL_MS)).then(
        () => true,
        () => false,
      )
    : false
  const now = { state: await target.state(), refused: await target.refusals() }
  return { now, outcome: { arrived, refused: now.refused - was.refused, changed: now.state !== was.state } }
}

/** One page of the raid. */
interface Step {
  readonly standing: string
  readonly url: string
  readonly targets: readonly Target[]
}

function toSteps(port: number, targets: readonly Target[]): readonly Step[] {
  const page = (host: string, standing: string, path = '/page') =>
    `http://${host}${path}?${String(new URLSearchParams({ home: `http://127.0.0.1:${port}`, standing }))}`
  const rebound = targets.map((target) => {
    const standing = `rebound.${target.prize.name}`
    return { standing, url: page(`rebind.example:${new URL(target.prize.url).port}`, standing), targets: [target] }
  })
  return [
    { standing: 'cross-site', url: page(`evil.example:${port}`, 'cross-site'), targets },
    { standing: 'same-site', url: page(`127.0.0.1:${port}`, 'same-site'), targets },
    { standing: 'allowed', url: page(`hub.example:${port}`, 'allowed'), targets },
    { standing: 'sandboxed', url: page(`evil.example:${port}`, 'sandboxed', '/sandbox'), targets },
    ...rebound,
  ]
}

function toPlan(steps: readonly Step[], standing: string, browser: BrowserName): unknown {
  const at = steps.findIndex((step) => step.standing === standing)
  const step = steps[at]
  if (step === undefined) throw new Error(`there is no such page: ${standing}`)
  const [where] = standing.split('.')
  return {
    rebound: where === 'rebound',
    prizes: step.targets.map(({ prize }) => prize),
    attacks: attacks.filter(({ standings, browsers }) => standings.some((one) => one === where) && browsers.includes(browser)),
    next: steps[at + 1]?.url ?? null,
  }
}

function late(outcomes: ReadonlyMap<string, Outcome>): Promise<never> {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it stopped after ${[...outcomes.keys()].at(-1) ?? 'nothing'}`)), RAID_MS)
    timer.unref()
  })
}
