import * as z from 'zod'
import { hostPattern, permissionMode, sandboxMode } from '@codesdkd/protocol'

// Coercion would take an empty text for 0.
const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ],
  { error: 'must be a number' },
)
const port = number.pipe(z.int().min(0).max(65_535))
const seconds = number.pipe(z.number().positive().max(2_147_483))
const count = number.pipe(z.int().min(1))
const unit = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
/** With its unit, so that nobody takes days for something else; as milliseconds. */
const span = z
  .string({ error: 'must be a time such as 12h, 30d or 8w' })
  .regex(/^[1-9]\d{0,4}[mhdw]$/, 'must be a time such as 12h, 30d or 8w')
  .transform(
    (text) =>
      Number(text.slice(0, -1)) * (text.endsWith('m') ? unit.m : text.endsWith('h') ? unit.h : text.endsWith('d') ? unit.d : unit.w),
  )
const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })
const list = z.union([
  z.array(z.string().min(1)),
  z
    .string()
    .min(1)
    .transform((text) => text.split(',').map((part) => part.trim())),
])

const hosts = list.pipe(z.array(hostPattern))

// A command line may have commas.
const lines = z.union([
  z.array(z.string().min(1)),
  z
    .string()
    .min(1)
    .transform((text) => text.split('\n').filter((line) => line.trim() !== '')),
])

export interface Option {
  readonly schema: z.ZodType
  /** Shown in the usage text; `null` for a switch. */
  readonly value: string | null
  readonly help: string
  readonly many?: true
}

function executable(agent: string) {
  return { schema: z.string().min(1), value: '<file>', help: `the ${agent} executable` } as const
}

/**
 * Every setting, once: flag `--name`, environment `CODESDKD_NAME`, key `name` of the config file (with _ for -).
 * The usage text and the parser come from this table.
 */
export const options = {
  host: { schema: z.string().min(1), value: '<address>', help: 'address to listen on (127.0.0.1)' },
  port: { schema: port, value: '<n>', help: 'port to listen on; 0 lets the system choose (0)' },
  listen: { schema: z.string().regex(/^unix:.+/, 'must be unix:<path>'), value: 'unix:<path>', help: 'listen on a Unix socket instead' },
  'data-dir': { schema: z.string().min(1), value: '<dir>', help: 'where everything is kept ($XDG_STATE_HOME/codesdkd)' },
  'workspace-root': { schema: list, value: '<dir>', help: 'confine sessions to this folder; repeatable', many: true },
  runtimes: { schema: list, value: '<names>', help: 'runtimes to offer, separated by commas (all)', many: true },
  'default-runtime': { schema: z.string().min(1), value: '<name>', help: 'runtime of sessions that name none (codex-sdk)' },
  'default-permission-mode': { schema: permissionMode, value: '<mode>', help: 'auto, ask or yolo (auto)' },
  'max-permission-mode': { schema: permissionMode, value: '<mode>', help: 'the most that a request may choose: ask < auto < yolo (yolo)' },
  sandbox: { schema: sandboxMode, value: '<mode>', help: 'a sandbox around every agent: auto, require or off (auto)' },
  'writable-root': { schema: list, value: '<dir>', help: 'what agents may write beside their workspace; repeatable', many: true },
  'readable-root': { schema: list, value: '<path>', help: 'what agents may read beside that; repeatable', many: true },
  'network-allow': { schema: hosts, value: '<host>', help: 'host that agents may reach beside their model; repeatable', many: true },
  auth: { schema: z.enum(['same-user', 'token', 'none']), value: '<how>', help: 'who may connect: same-user, token or none' },
  'token-file': { schema: z.string().min(1), value: '<file>', help: 'file (mode 0600) with the bearer token; switches token mode on' },
  tokens: {
    schema: z.string().min(1),
    value: '<file>',
    help: 'JSON file (mode 0600) of tokens for several people; switches token mode on',
  },
  'allow-host': { schema: list, value: '<host>', help: 'further value of the Host header; repeatable', many: true },
  'allow-origin': { schema: list, value: '<origin>', help: 'origin that may call from a browser; repeatable', many: true },
  'base-path': {
    schema: z.string().regex(/^(\/[A-Za-z0-9._~-]+)*\/?$/, 'must be a path such as /codesdkd'),
    value: '<path>',
    help: 'path prefix under which a proxy shows the daemon',
  },
  'approval-timeout': { schema: seconds, value: '<seconds>', help: 'deny what nobody decides for so long (never)' },
  'agent-idle-timeout': { schema: seconds, value: '<seconds>', help: 'close an agent that has had no task for so long (300)' },
  retain: { schema: span, value: '<time>', help: 'delete sessions whose last event is older: 12h, 30d, 8w (never)' },
  'max-running-tasks': { schema: count, value: '<n>', help: 'tasks that run at once; others wait (32)' },
  'max-live-agents': { schema: count, value: '<n>', help: 'agents that are alive at once; the longest idle makes room (32)' },
  'max-queued-tasks': { schema: count, value: '<n>', help: 'tasks that wait in one session; more are refused (64)' },
  'max-sse-clients': { schema: count, value: '<n>', help: 'open event streams; more are refused (2000)' },
  'max-body-bytes': { schema: count, value: '<n>', help: 'largest request body (1048576)' },
  'max-task-body-bytes': { schema: count, value: '<n>', help: 'largest request body of a task (8388608)' },
  'parent-watch': {
    schema: z.enum(['auto', 'stdin', 'off']),
    value: '<how>',
    help: 'end with the process that started this one: auto, stdin or off (auto)',
  },
  metrics: { schema: flag, value: null, help: 'serve Prometheus metrics at /metrics' },
  offline: { schema: flag, value: null, help: 'play the offline model to every agent: no login, no network' },
  'offline-scenario': { schema: z.string().min(1), value: '<file>', help: 'scenario file for --offline (the demo)' },
  'no-shared': { schema: flag, value: null, help: "never use the user's own logins: every namespace is private" },
  'log-level': {
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
    value: '<level>',
    help: 'debug, info, warn, error or silent (info)',
  },
  agent: { schema: lines, value: '<name>=<command>', help: 'a further agent, which speaks ACP; repeatable', many: true },
  'codex-bin': executable('Codex'),
  'claude-bin': executable('Claude'),
  'gemini-bin': executable('Gemini'),
  'opencode-bin': executable('OpenCode'),
} as const satisfies Record<string, Option>

/** The settings of one source, or of all of them. */
export type Settings = { readonly [N in keyof typeof options]?: z.infer<(typeof options)[N]['schema']> }

export const usage = `usage: codesdkd [serve] [options]
       codesdkd agents list|doctor [--json] [options]
       codesdkd agents install|verify <name>|all [--json] [options]
       codesdkd agents login <name> [--namespace <name>] [options] [-- what the agent's own login takes]
       codesdkd keys list [--json] [options]
       codesdkd keys set <name> [--namespace <name>] [--variable <NAME>] [--endpoint <base URL>] [options]
       codesdkd keys remove <name> [--namespace <name>] [--variable <NAME>] [options]
       codesdkd replay <bundle.tar.gz> [--speed <n>|max] [--step] [options]

One local HTTP daemon for coding agents. Prints {"url":"http://127.0.0.1:12345"} when it is ready; logs go to stderr.

${Object.entries(options)
  .map(([name, { value, help }]) => `  ${`--${name}${value === null ? '' : ` ${value}`}`.padEnd(38)} ${help}`)
  .join('\n')}
  --config <file>                        config file ($XDG_CONFIG_HOME/codesdkd/config.json)
  --recover                              move a damaged log aside, into the data directory, and begin an empty one
  --version                              print the version
  --help                                 print this

Each option is also an environment variable (--data-dir: CODESDKD_DATA_DIR) and a key of the config file ("data_dir").
Further agents may also stand in the config file, as "agents": [{"name": "mine", "command": "my-agent", "args": ["--acp"]}].
So may what the sessions of a credential namespace get besides, as
"namespaces": {"team": {"network": {"allow": ["packages.example.com"]}, "writable_roots": ["/srv/team"], "readable_roots": []}}.
"codesdkd keys set" reads the key from stdin; no agent ever holds it, and it goes to its provider alone, or to --endpoint.
A flag wins over the environment, the environment over the file.
`
