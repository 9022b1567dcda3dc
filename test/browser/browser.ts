import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const browserNames = ['chromium', 'firefox'] as const
export type BrowserName = (typeof browserNames)[number]

export interface Network {
  /** Names that lead to this machine by the browser's own table. */
  readonly hosts: readonly string[]
  /** Port of the SOCKS proxy that all other names are asked of; none: there are no other names. */
  readonly socksPort?: number
}

interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** What the profile says: file name -> content. */
  readonly files: Readonly<Record<string, string>>
}

/** What browsers have begun to do against such pages is switched off: the daemon must not rely on it. */
const chromiumOff = [
  'LocalNetworkAccessChecks',
  'LocalNetworkAccessChecksWebSockets',
  'BlockInsecurePrivateNetworkRequests',
  'PrivateNetworkAccessSendPreflights',
  'HttpsUpgrades',
  'Translate',
]

const launches: Readonly<Record<BrowserName, (profile: string, network: Network) => Launch>> = {
  chromium: (profile, { hosts, socksPort }) => ({
    command: 'chromium',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-popup-blocking',
      '--disable-background-networking',
      '--disable-component-update',
      // The page goes on behind the windows that it opens.
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      `--disable-features=${chromiumOff.join(',')}`,
      `--host-resolver-rules=${hosts.map((host) => `MAP ${host} 127.0.0.1`).join(', ')}`,
      `--user-data-dir=${profile}`,
      ...(socksPort === undefined ? [] : [`--proxy-server=socks5://127.0.0.1:${socksPort}`, `--proxy-bypass-list=${hosts.join(';')}`]),
    ],
    files: {},
  }),
  firefox: (profile, { hosts, socksPort }) => ({
    command: 'firefox-esr',
    args: ['--headless', '--no-remote', '--profile', profile],
    files: {
      'user.js': Object.entries({
        'browser.shell.checkDefaultBrowser': false,
        'datareporting.policy.dataSubmissionEnabled': false,
        'toolkit.telemetry.reportingpolicy.firstRun': false,
        'dom.disable_open_during_load': false,
        'dom.popup_allowed_events': 'load message',
        'dom.security.https_first': false,
        'network.lna.enabled': false,
        'network.lna.blocking': false,
        'network.prefetch-next': true,
        'network.dns.localDomains': hosts.join(','),
        ...(socksPort === undefined
          ? {}
          : {
              'network.proxy.type': 1,
              'network.proxy.socks': '127.0.0.1',
              'network.proxy.socks_port': socksPort,
              'network.proxy.socks_version': 5,
              'network.proxy.socks_remote_dns': true,
              'network.proxy.no_proxies_on': hosts.join(','),
            }),
      })
        .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
        .join(''),
    },
  }),
}

/** A real browser with a profile of its own. Disposing it ends its whole process group. */
export interface Browser extends AsyncDisposable {
  /** Rejects when the browser ends by itself. */
  readonly ended: Promise<never>
}

/** Starts the browser on a page. */
export async function openBrowser(name: BrowserName, url: string, network: Network, more: readonly string[] = []): Promise<Browser> {
  await using stack = new AsyncDisposableStack()
  const profile = await mkdtempDisposable(join(tmpdir(), 'browser-profile-'))
  // A browser that was killed may leave a process that still writes there.
  stack.defer(() => profile.remove().catch(() => {}))
  const { command, args, files } = launches[name](profile.path, network)
  for (const [file, content] of Object.entries(files)) await writeFile(join(profile.path, file), content)
  const child = spawn(command, [...args, ...more, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile.path },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000)
  })
  await once(child, 'spawn')
  const exited = once(child, 'exit')
  stack.defer(async () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // It is gone already.
    }
    await exited
  })
  const ended = exited.then(([code, signal]): never => {
    throw new Error(`${command} ended with ${String(code ?? signal)}: ${said}`)
  })
  // Whoever has what it came for does not wait for this any more.
  ended.catch(() => {})
  const parts = stack.move()
  return { ended, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}
