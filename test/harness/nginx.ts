import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../lifecycle/testing/processes.ts'
import { findPort } from './port.ts'

/** Debian puts it where only root's PATH leads. */
const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx'].find((path) => existsSync(path))

export interface Nginx extends AsyncDisposable {
  /** The daemon as it is called there: under `/agents`. */
  readonly url: string
}

export interface NginxOptions {
  /** What is said of `/agents/`, where the daemon stands. */
  readonly location: string
  readonly port?: number
}

const toConfiguration = (place: string, port: number, location: string) => `
daemon off; master_process off; pid ${place}/pid; error_log ${place}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${place}/body; proxy_temp_path ${place}/proxy;
  fastcgi_temp_path ${place}/fastcgi; uwsgi_temp_path ${place}/uwsgi; scgi_temp_path ${place}/scgi;
  server {
    listen 127.0.0.1:${port};
    location /agents/ { ${location} }
  }
}`

/** A real nginx, with its files in this directory, in front of a daemon that is shown under `/agents`. */
export async function openNginx(directory: string, { location, port: wanted }: NginxOptions): Promise<Nginx> {
  assert.ok(nginx !== undefined, 'there is no nginx: npm run tools')
  mkdirSync(directory)
  const port = wanted ?? (await findPort())
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, toConfiguration(directory, port, location))
  const child = spawn(nginx, ['-p', directory, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'exit')
  const url = `http://127.0.0.1:${port}/agents`
  await until(
    'nginx answers',
    async () =>
      child.exitCode !== null ||
      (await fetch(`${url}/livez`).then(
        () => true,
        () => false,
      )),
  )
  assert.equal(child.exitCode, null, 'nginx has ended')
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGQUIT')
      const late = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await gone
      clearTimeout(late)
    },
  }
}
