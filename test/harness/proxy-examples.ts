import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const examples = join(import.meta.dirname, '../../examples/proxies')

/** The example of a server block for nginx, with this daemon behind it. A port belongs to its name here, as it does for no hub. */
export function toNginxServer(daemonUrl: string): string {
  return readFileSync(join(examples, 'nginx.conf'), 'utf8')
    .replace('127.0.0.1:8787', new URL(daemonUrl).host)
    .replace('$host', '$http_host')
}

/** The example of a Caddyfile, with this daemon behind it, without TLS. */
export function toCaddySites(daemonUrl: string, port: number): string {
  return readFileSync(join(examples, 'Caddyfile'), 'utf8')
    .replace('127.0.0.1:8787', new URL(daemonUrl).host)
    .replace(/^hub\.example \{/m, `http://127.0.0.1:${port} {`)
}
