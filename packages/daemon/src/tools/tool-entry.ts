import * as z from 'zod'
import { toolDefinition, toolPermission } from '@codesdkd/protocol'

const outputLimit = z
  .int()
  .min(1)
  .max(64 * 1024 ** 2)
  .default(1024 ** 2)
/** No value may begin a second header. */
const headers = z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header'), z.string().regex(/^[^\r\n\0]*$/))
const environment = z.record(z.string().regex(/^[^=\0]+$/, 'is no name of a variable'), z.string().regex(/^[^\0]*$/))
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
const command = z.tuple([z.string().min(1)], z.string().regex(/^[^\0]*$/)).describe('program and arguments; no shell reads them')

const commandRun = z.strictObject({ command, cwd: z.string().min(1).optional(), env: environment.default({}), output_limit: outputLimit })
const endpointRun = z.strictObject({ url, headers: headers.default({}), output_limit: outputLimit })

/** How the daemon runs a tool of its own. */
export type CommandRun = z.infer<typeof commandRun>
export type EndpointRun = z.infer<typeof endpointRun>

/** A tool in the config file. */
export const toolEntry = z.strictObject({
  ...toolDefinition.shape,
  // Nobody should have to find out what the default was.
  permission: toolPermission,
  run: z.union([commandRun, endpointRun], { error: 'must be {command, …} or {url, …}' }),
})
export type ToolEntry = z.infer<typeof toolEntry>

const common = { permission: toolPermission.optional(), timeout_ms: z.int().min(1).max(86_400_000).default(600_000) }

/** An MCP server in the config file; its key is its name. */
export const mcpServerEntry = z.union(
  [
    z.strictObject({ command, cwd: z.string().min(1).optional(), env: environment.default({}), ...common }),
    z.strictObject({ url, headers: headers.default({}), bearer_env: z.string().min(1).optional(), ...common }),
  ],
  { error: 'must be {command, …} or {url, …}' },
)
export const mcpServerName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,19}$/, 'must be 1 to 20 of A-Z a-z 0-9 _ - and begin with a letter')

/** An MCP server of the daemon. Its program is an absolute path, its bearer token is among the headers. */
export type McpServerEntry = { readonly name: string } & z.infer<typeof mcpServerEntry>
