import { readFile } from 'node:fs/promises'
import * as z from 'zod'

const callId = z.string().min(1).optional().describe('default: made from the names of scenario and leg')
const filePath = z.string().min(1).describe("absolute, or relative to the agent's working directory")

const shellTool = z.strictObject({
  tool: z.literal('shell'),
  command: z.string().min(1),
  call_id: callId,
  workdir: z.string().optional(),
  yield_time_ms: z.int().nonnegative().optional().describe('how long the agent waits before it leaves the command running'),
  escalate: z.boolean().optional().describe('ask to run outside the sandbox'),
  justification: z.string().optional(),
})

const readTool = z.strictObject({ tool: z.literal('read'), path: filePath, call_id: callId })

const editTool = z.strictObject({
  tool: z.literal('edit'),
  path: filePath,
  old_text: z.string().min(1).describe('whole lines: the tool of some agents is a patch'),
  new_text: z.string(),
  call_id: callId,
})

const writeTool = z.strictObject({ tool: z.literal('write'), path: filePath, text: z.string(), call_id: callId })

const patchTool = z.strictObject({ tool: z.literal('patch'), patch: z.string().startsWith('*** Begin Patch'), call_id: callId })

const planTool = z.strictObject({
  tool: z.literal('plan'),
  entries: z.array(z.strictObject({ text: z.string(), status: z.enum(['pending', 'in_progress', 'completed']) })),
  call_id: callId,
})

const questionTool = z.strictObject({
  tool: z.literal('question'),
  question: z.string().min(1),
  header: z.string().min(1).optional(),
  options: z.array(z.strictObject({ label: z.string().min(1), description: z.string().optional() })).min(1),
  multiple: z.boolean().optional().describe('more than one option may be chosen'),
  call_id: callId,
})

const mcpTool = z.strictObject({
  tool: z.literal('mcp'),
  server: z.string().min(1).describe("the server's name in the agent's configuration"),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()).optional(),
  call_id: callId,
})

const nativeTool = z
  .strictObject({
    tool: z.literal('native'),
    name: z.string().min(1),
    namespace: z.string().min(1).optional(),
    input: z.record(z.string(), z.unknown()).optional(),
    input_text: z.string().optional(),
    call_id: callId,
  })
  .refine((tool) => (tool.input === undefined) !== (tool.input_text === undefined), 'needs either input or input_text')

/** A call of a tool, in words every agent shares; `native` names an agent's own tool. */
const tool = z.discriminatedUnion('tool', [
  shellTool,
  readTool,
  editTool,
  writeTool,
  patchTool,
  planTool,
  questionTool,
  mcpTool,
  nativeTool,
])
export type Tool = z.infer<typeof tool>
/** One of the shared words, e.g. `ToolOf<'edit'>`. */
export type ToolOf<Word extends Tool['tool']> = Extract<Tool, { tool: Word }>

const times = z.int().positive().optional().describe('only the first n attempts of this leg fail; without it all do')
const afterChunks = z.int().nonnegative().default(0)

const fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    times,
  }),
  z.strictObject({ kind: z.literal('refuse'), times }),
  z.strictObject({ kind: z.literal('drop'), after_chunks: afterChunks, times }),
  z.strictObject({ kind: z.literal('hang'), after_chunks: afterChunks, times }),
  z.strictObject({ kind: z.literal('failed'), code: z.string(), message: z.string(), after_chunks: afterChunks, times }),
])
export type Fault = z.infer<typeof fault>

const count = z.int().nonnegative()

const usage = z.strictObject({
  input_tokens: count,
  cached_input_tokens: count.default(0),
  output_tokens: count,
  reasoning_tokens: count.default(0),
})
/** Tokens of one model call. `cached_input_tokens` is a part of the input, `reasoning_tokens` a part of the output. */
export type Usage = z.infer<typeof usage>

const leg = z
  .strictObject({
    reasoning: z.string().min(1).optional(),
    text: z.string().min(1).optional(),
    text_repeat: z.strictObject({ text: z.string().min(1), times: z.int().positive() }).optional(),
    tools: z.array(tool).min(1).optional(),
    usage: usage.optional(),
    chunk_size: z.int().positive().optional().describe('characters per delta'),
    delay_ms: z.int().nonnegative().optional().describe('pause before each delta'),
    fault: fault.optional(),
  })
  .refine(({ text, text_repeat }) => text === undefined || text_repeat === undefined, 'has text and text_repeat')
  .refine(
    ({ reasoning, text, text_repeat, tools, ...rest }) => Boolean(reasoning ?? text ?? text_repeat ?? tools ?? rest.fault),
    'is empty: give reasoning, text, text_repeat, tools or fault',
  )
/** What the model answers to one call. */
export type Leg = z.infer<typeof leg>

const prompt = z.union([z.string().min(1), z.strictObject({ regex: z.string().refine(isRegex, 'is not a regular expression') })], {
  error: 'is neither a string nor {"regex": string}',
})
/** A substring of the user's message, or a regular expression that finds something in it. */
export type Prompt = z.infer<typeof prompt>

const scenario = z.strictObject({
  // It becomes part of item and call ids, and these are the characters every dialect allows there.
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'has characters other than letters, digits, - and _, or more than 64'),
  prompt,
  legs: z.array(leg).min(1),
})
export type Scenario = z.infer<typeof scenario>

const scenarioFile = z.strictObject({
  scenarios: z.array(scenario).superRefine((scenarios, context) => {
    const names = new Set<string>()
    for (const [index, { name }] of scenarios.entries()) {
      if (names.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: `"${name}" is already taken` })
      names.add(name)
    }
  }),
  fallback: z.strictObject({ legs: z.array(leg).min(1) }).optional(),
})
/** The content of a scenario file, as read: defaults are filled in. */
export type ScenarioFile = z.infer<typeof scenarioFile>
/** The content of a scenario file, as written. */
export type ScenarioFileInput = z.input<typeof scenarioFile>

/** The file is not a scenario file. `message` has one line per fault, each with the path to it. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
}

/** Checks the content of a scenario file. `source` is named in errors. Throws ScenarioError. */
export function parseScenarios(value: unknown, source = 'scenarios'): ScenarioFile {
  const result = scenarioFile.safeParse(value)
  if (result.success) return result.data
  throw new ScenarioError(result.error.issues.map((issue) => `${source}: ${z.core.toDotPath(issue.path)}: ${issue.message}`).join('\n'))
}

/** Reads a scenario file. Throws ScenarioError, or the file system's error. */
export async function readScenarioFile(path: string): Promise<ScenarioFile> {
  const content = await readFile(path, 'utf8')
  try {
    return parseScenarios(JSON.parse(content), path)
  } catch (error) {
    if (error instanceof SyntaxError) throw new ScenarioError(`${path}: ${error.message}`)
    throw error
  }
}

function isRegex(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp
  } catch {
    return false
  }
}
