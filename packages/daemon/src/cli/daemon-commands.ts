import { toJson, toTable } from '../report.ts'
import type { Command } from './command.ts'

export const openapi: Command = {
  words: [],
  summary: 'print the OpenAPI document of the daemon',
  flags: {},
  async run({ client, screen, signal }) {
    screen.write(toJson(await client.getOpenApi({ signal })))
    return 0
  },
}

export const doctor: Command = {
  words: [],
  summary: 'say how the daemon and its agents are, and what to do; exit code 1 where something is wrong',
  detail: '"codesdkd agents doctor" examines the agents and the sandbox of this machine more closely, without a daemon.',
  flags: {},
  async run({ client, json, screen, signal }) {
    const [status, { runtimes }] = await Promise.all([client.getStatus({ signal }), client.listRuntimes({ signal })])
    const bad = status.issues.some(({ severity }) => severity === 'error') || !runtimes.some(({ healthy }) => healthy)
    if (json) {
      screen.write(toJson({ status, runtimes }))
      return bad ? 1 : 0
    }
    const { style } = screen
    screen.line(`codesdkd ${status.version}, ${status.state} since ${status.started_at}`)
    screen.line(`sandbox: ${status.sandbox.available ? (status.sandbox.kind ?? '') : `none${toWhy(status.sandbox.reason)}`}\n`)
    const rows = runtimes.map((one) => [
      one.runtime,
      one.installed ? (one.version ?? 'unknown version') : 'not installed',
      one.auth.logged_in ? 'logged in' : (one.auth.login_hint ?? 'not logged in'),
    ])
    screen.write(toTable([['RUNTIME', 'VERSION', 'LOGIN'], ...rows]))
    for (const { severity, message, hint } of status.issues)
      screen.line(`\n${style(severity === 'error' ? 'red' : 'yellow', severity)}: ${message}${hint === null ? '' : `\n  ${hint}`}`)
    return bad ? 1 : 0
  },
}

function toWhy(reason: string | undefined): string {
  return reason === undefined ? '' : ` (${reason})`
}
