import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import * as z from 'zod'
import { StartFailure } from '../core/start-failure.ts'
import { mcpServerEntry, mcpServerName, toolEntry, type McpServerEntry, type ToolEntry } from '../tools/tool-entry.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The key `tools` of the config file, every program as an absolute path. Throws `StartFailure`. */
export function toTools(given: unknown, env: Environment): readonly ToolEntry[] {
  const entries = read('tools', z.array(toolEntry).max(128).default([]), given)
  const seen = new Set<string>()
  return entries.map((entry, index) => {
    const key = `tools.${index}`
    if (seen.has(entry.name.toLowerCase())) fail(`${key}.name`, `another tool is called ${entry.name}`)
    seen.add(entry.name.toLowerCase())
    return 'command' in entry.run ? { ...entry, run: placed(entry.run, `${key}.run`, env) } : entry
  })
}

/** The key `mcp_servers` of the config file, with programs as absolute paths and tokens as headers. Throws `StartFailure`. */
export function toMcpServers(given: unknown, env: Environment): readonly McpServerEntry[] {
  const entries = read('mcp_servers', z.record(mcpServerName, mcpServerEntry).default({}), given)
  return Object.entries(entries).map(([name, entry]) => {
    const key = `mcp_servers.${name}`
    if ('command' in entry) return { name, ...placed(entry, key, env) }
    const { bearer_env: variable } = entry
    if (variable === undefined) return { name, ...entry }
    const token = env[variable]
    if (token === undefined || token === '') return fail(`${key}.bearer_env`, `the variable ${variable} is not set`)
    if (/[\r\n\0]/.test(token)) return fail(`${key}.bearer_env`, `the variable ${variable} has more than one line`)
    return { name, ...entry, headers: { ...entry.headers, authorization: `Bearer ${token}` } }
  })
}

/** What of it is secret, or may be: what others must never be shown. Short words and numbers are settings. */
export function toolSecrets(tools: readonly ToolEntry[], servers: readonly McpServerEntry[]): readonly string[] {
  const values = [...tools.map(({ run }) => run), ...servers].flatMap((one) => Object.values('command' in one ? one.env : one.headers))
  return [...new Set(values.flatMap((value) => [value, value.replace(/^(?:Bearer|Basic|Token) /i, '')]))].filter(
    ({ length }) => length >= 8,
  )
}

interface Placed {
  readonly command: readonly [string, ...string[]]
  readonly cwd?: string | undefined
}

function placed<Run extends Placed>(run: Run, key: string, env: Environment): Run {
  const [program, ...args] = run.command
  const found = findProgram(program, env['PATH'] ?? '')
  if (found === null) return fail(`${key}.command`, `there is no program ${program}; name an absolute path, or one on the PATH`)
  return { ...run, command: [found, ...args], ...(run.cwd === undefined ? {} : { cwd: resolve(run.cwd) }) }
}

/** A relative path, or a relative entry of the PATH, would depend on where the daemon happens to start. */
function findProgram(program: string, searchPath: string): string | null {
  if (isAbsolute(program)) return isProgram(program) ? program : null
  if (program.includes('/')) return null
  const places = searchPath.split(delimiter).filter((entry) => isAbsolute(entry))
  return places.map((place) => join(place, program)).find((one) => isProgram(one)) ?? null
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

function read<T>(key: string, schema: z.ZodType<T>, given: unknown): T {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const [issue] = result.error.issues
  return fail([key, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'is not valid')
}

function fail(key: string, message: string): never {
  throw new StartFailure('invalid_config', `config file key ${key}: ${message}`)
}
