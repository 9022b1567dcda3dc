import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

type Environment = Readonly<Record<string, string | undefined>>

/** Whom this machine trusts: the certificates of Node, of the system, and of the files that the environment names. */
export interface Trust {
  /** Made once, at the first call: that takes some 40 ms. */
  context(): SecureContext
}

export function createTrust(environment: Environment): Trust {
  let context: SecureContext | null = null
  return {
    context: () => (context ??= createSecureContext({ ca: toCertificates(environment) })),
  }
}

function toCertificates(environment: Environment): string[] {
  const named = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => readCertificates(environment[name]))
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...named])]
}

/** Certificates of a file; none where it cannot be read, as other programs do. */
function readCertificates(path: string | undefined): readonly string[] {
  if (path === undefined || path === '') return []
  try {
    return readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  } catch {
    return []
  }
}

/** The way from a gateway to endpoints, through the proxies of this machine. Its connections are kept for the next request. */
export interface Uplink extends Disposable {
  /** For one scheme. Throws for a proxy that cannot be understood. */
  agent(protocol: string): HttpAgent
}

/** Milliseconds until a connection stands, proxy and TLS included. */
export const CONNECT_TIME = 10_000

export function createUplink(environment: Environment, trust: Trust): Uplink {
  // Also the bound of a proxy's answer; a connection that nobody uses is closed as soon.
  const options: AgentOptions = { keepAlive: true, timeout: CONNECT_TIME, proxyEnv: toProxyEnvironment(environment) }
  let http: HttpAgent | null = null
  let https: HttpsAgent | null = null
  return {
    agent(protocol) {
      if (protocol === 'http:') return (http ??= new HttpAgent(options))
      return (https ??= new HttpsAgent({ ...options, secureContext: trust.context() }))
    },
    [Symbol.dispose]() {
      http?.destroy()
      https?.destroy()
    },
  }
}

/** What is on this machine is not reached from elsewhere. */
const local = ['localhost', '.localhost', '127.0.0.1', '[::1]', '::1']

/** The variables as curl understands them, in the words of Node: ALL_PROXY, hosts without a scheme, domains without a dot. */
export function toProxyEnvironment(environment: Environment): Record<string, string | undefined> {
  const variable = (name: string) => environment[name] || environment[name.toUpperCase()] || ''
  const proxy = (name: string) => {
    const text = variable(name) || variable('all_proxy')
    return text === '' ? undefined : /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  }
  const exempted = variable('no_proxy')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .flatMap((entry) => (/^[.*]/.test(entry) ? [entry] : [entry, `.${entry}`]))
  return { http_proxy: proxy('http_proxy'), https_proxy: proxy('https_proxy'), no_proxy: [...local, ...exempted].join(',') }
}
