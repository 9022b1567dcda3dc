import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findPort } from './port.ts'
import { runProxy, type Proxy } from './proxy.ts'

/** Debian puts it where only root's PATH leads. */
const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx'].find((path) => existsSync(path))

export interface NginxOptions {
  /** What stands in its server block: a location `/agents/`, with the daemon. */
  readonly server: string
  readonly port?: number
}

const toConfiguration = (place: string, port: number, server: string) => `
daemon off; master_process off; pid ${place}/pid; error_log ${place}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${place}/body; proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/fastcgi; uwsgi_temp_path ${place}/uwsgi; scgi_temp_path ${place}/scgi;
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}`

/** A real nginx, with its files in this directory, in front of a daemon that is shown under `/agents`. */
export async function openNginx(directory: string, { server, port: wanted }: NginxOptions): Promise<Proxy> {
  assert.ok(nginx !== undefined, 'there is no nginx: npm run tools')
  mkdirSync(directory)
  const port = wanted ?? (await findPort())
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, toConfiguration(directory, port, server))
  return runProxy([nginx, '-p', directory, '-c', file], { port, stop: 'SIGQUIT' })
}
