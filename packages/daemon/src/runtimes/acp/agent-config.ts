import { isAbsolute } from 'node:path'
import { Problem, capabilities, hostPattern } from '@codesdkd/protocol'
import * as z from 'zod'
import { baseUrl, variableName } from '../runtime-config.ts'
import { toWords } from '../shell-words.ts'

function isPattern(text: string): boolean {
  try {
    return new RegExp(text).source !== ''
  } catch {
    return false
  }
}

const fields = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 - and not begin with -')
    .describe('the name of the runtime'),
  command: z.string().min(1).describe('its program: an absolute path, or a name to look for on the PATH'),
  args: z.array(z.string()).default([]).describe('its arguments; visible to everybody on the machine, so no secret'),
  env: z.record(variableName, z.string()).default({}).describe('variables of its environment, over those of the session'),
  auth_method: z.string().min(1).optional().describe('the way to log in that it is told before a session, by its id'),
  mode: z.string().min(1).optional().describe('the session mode to work in, by its id: the one in which it asks most'),
  credential_variables: z.array(variableName).default([]).describe('names of variables with its credentials'),
  login_files: z
    .array(z.string().regex(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$)).+/, 'must be inside the home directory'))
    .default([])
    .describe('files that are there when somebody has logged in, relative to the home directory'),
  base_url_variable: variableName
    .optional()
    .describe("the variable that tells it its model's base URL; with it the daemon stands between the agent and its model"),
  key_variable: variableName.optional().describe("the variable that holds its model's key; makes `env_key` possible"),
  base_url: baseUrl
    .optional()
    .describe("its own provider's base URL, so that its key can be kept from it without a `base_url` of the session"),
  dialect: z
    .enum(['chat_completions', 'responses', 'messages', 'generate_content'])
    .default('chat_completions')
    .describe('how it talks to its model'),
  hosts: z.array(hostPattern).default([]).describe('hosts that it may reach by itself: those of its login, above all'),
  readable: z
    .array(z.string().refine((file) => isAbsolute(file), 'must be an absolute path'))
    .default([])
    .describe('files and directories that it needs beside its program, its package, and files among its arguments'),
  after_denial: z
    .enum(['nothing', 'prompt_if_ended', 'prompt', 'cancel_and_prompt'])
    .default('prompt_if_ended')
    .describe('how the task goes on after a denied call, and its reason reaches the model'),
  capabilities: z
    .strictObject(capabilities.omit({ runtime: true, models: true, notes: true }).partial().shape)
    .default({})
    .describe('what is known of this agent beyond what holds of all'),
  version_pattern: z
    .string()
    .refine((pattern) => isPattern(pattern), 'must be a regular expression')
    .optional()
    .describe('what its program prints for `--version`, as a regular expression whose first group is the version'),
  models: z.array(z.string().min(1)).optional().describe('the models that can be chosen, for clients to show'),
})

/** An agent that the daemon does not know: what starts it, and what it needs. An entry of the configuration file. */
export const agentEntry = fields
  .refine(({ base_url, base_url_variable }) => base_url === undefined || base_url_variable !== undefined, {
    path: ['base_url'],
    message: 'needs a base_url_variable',
  })
  .refine((entry) => entry.base_url_variable === undefined || toKeyVariable(entry) !== null, {
    path: ['base_url_variable'],
    message: 'needs a key_variable: by it the agent is told how to show the daemon that it is the one that was started',
  })
export type AgentEntry = z.infer<typeof fields>

/** The variable in which the agent looks for its model's key; null when the entry names none. */
export function toKeyVariable({
  key_variable,
  credential_variables,
}: Pick<AgentEntry, 'key_variable' | 'credential_variables'>): string | null {
  return key_variable ?? credential_variables[0] ?? null
}

/**
 * The short form of the command line: `name=command with arguments`. Quotes group words as in a shell, of which nothing else is
 * understood. Throws `Problem('invalid_request')`.
 */
export function parseAgentOption(text: string): AgentEntry {
  const split = text.indexOf('=')
  const name = split === -1 ? text : text.slice(0, split)
  const words = split === -1 ? null : toWords(text.slice(split + 1))
  const [command, ...args] = words ?? []
  if (command === undefined) throw new Problem('invalid_request', 'An agent is given as name=command, with plain or quoted words.')
  return parseAgentEntry({ name, command, args })
}

/** Checks an entry of the configuration file. Throws `Problem('invalid_request')`. */
export function parseAgentEntry(entry: unknown): AgentEntry {
  const parsed = agentEntry.safeParse(entry)
  if (parsed.success) return parsed.data
  throw new Problem('invalid_request', `agent: ${z.prettifyError(parsed.error)}`, { members: { allowed: Object.keys(fields.shape) } })
}
