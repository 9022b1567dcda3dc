import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProxy, type Proxy } from './proxy.ts'

export interface CaddyOptions {
  /** Its Caddyfile, with a site at `http://127.0.0.1:<port>`. */
  readonly sites: string
  readonly port: number
}

/** A real Caddy, with its files in this directory, in front of a daemon that is shown under `/agents`. */
export async function openCaddy(directory: string, { sites, port }: CaddyOptions): Promise<Proxy> {
  mkdirSync(directory)
  const file = join(directory, 'Caddyfile')
  writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n${sites}`)
  return runProxy(['caddy', 'run', '--config', file, '--adapter', 'caddyfile'], { port, stop: 'SIGTERM', env: { HOME: directory } })
}
