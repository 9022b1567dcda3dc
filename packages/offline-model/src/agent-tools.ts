import type { NativeCall } from './native-call.ts'
import type { ToolOf } from './scenario.ts'

/** How one agent names its tools and their input. */
export interface AgentTools {
  /** What it offers, as far as the words need it: the agent is known by these. */
  readonly names: readonly string[]
  /** Whether its file tools refuse relative paths. */
  readonly absolutePaths: boolean
  shell(tool: ToolOf<'shell'>): NativeCall
  read(tool: ToolOf<'read'>): NativeCall
  /** Null: it edits and writes with patches only. */
  readonly edit: ((tool: ToolOf<'edit'>) => NativeCall) | null
  readonly write: ((tool: ToolOf<'write'>) => NativeCall) | null
  patch(patch: string): NativeCall
  plan(tool: ToolOf<'plan'>): NativeCall
  question(tool: ToolOf<'question'>): NativeCall
  mcp(tool: ToolOf<'mcp'>): NativeCall
}

/** Every agent insists on one. */
const HEADER = 'Question'

const codex: AgentTools = {
  names: ['exec_command', 'apply_patch', 'update_plan', 'request_user_input'],
  absolutePaths: false,
  shell: ({ command: cmd, workdir, yield_time_ms, escalate, justification }) => ({
    name: 'exec_command',
    input: { cmd, workdir, yield_time_ms, sandbox_permissions: escalate ? 'require_escalated' : undefined, justification },
  }),
  read: ({ path }) => ({ name: 'exec_command', input: { cmd: `cat ${quote(path)}` } }),
  edit: null,
  write: null,
  patch: (input) => ({ name: 'apply_patch', input }),
  plan: ({ entries }) => ({ name: 'update_plan', input: { plan: entries.map(({ text, status }) => ({ step: text, status })) } }),
  question: ({ question, header = HEADER, options }) => ({
    name: 'request_user_input',
    input: { questions: [{ id: 'question', header, question, options: toOptions(options) }] },
  }),
  mcp: ({ server, name, input = {} }) => ({ namespace: `mcp__${server}`, name, input }),
}

const claude: AgentTools = {
  names: ['Bash', 'Read', 'Edit', 'Write', 'TodoWrite', 'AskUserQuestion'],
  absolutePaths: true,
  // Its shell has no working directory of a call.
  shell: ({ command, workdir, justification }) => ({
    name: 'Bash',
    input: { command: workdir === undefined ? command : `cd ${quote(workdir)} && ${command}`, description: justification },
  }),
  read: ({ path }) => ({ name: 'Read', input: { file_path: path } }),
  edit: ({ path, old_text, new_text }) => ({ name: 'Edit', input: { file_path: path, old_string: old_text, new_string: new_text } }),
  write: ({ path, text }) => ({ name: 'Write', input: { file_path: path, content: text } }),
  patch: toPatchFunction,
  plan: ({ entries }) => ({
    name: 'TodoWrite',
    input: { todos: entries.map(({ text, status }) => ({ content: text, status, activeForm: text })) },
  }),
  question: ({ question, header = HEADER, options, multiple = false }) => ({
    name: 'AskUserQuestion',
    input: { questions: [{ question, header, options: toOptions(options), multiSelect: multiple }] },
  }),
  mcp: ({ server, name, input = {} }) => ({ name: `mcp__${server}__${name}`, input }),
}

const gemini: AgentTools = {
  names: ['run_shell_command', 'read_file', 'replace', 'write_file', 'write_todos', 'ask_user'],
  absolutePaths: true,
  shell: ({ command, workdir, justification }) => ({
    name: 'run_shell_command',
    input: { command, description: justification, dir_path: workdir },
  }),
  read: ({ path }) => ({ name: 'read_file', input: { file_path: path } }),
  edit: ({ path, old_text, new_text }) => ({
    name: 'replace',
    input: { file_path: path, instruction: 'Replace the text.', old_string: old_text, new_string: new_text },
  }),
  write: ({ path, text }) => ({ name: 'write_file', input: { file_path: path, content: text } }),
  patch: toPatchFunction,
  plan: ({ entries }) => ({
    name: 'write_todos',
    input: { todos: entries.map(({ text, status }) => ({ description: text, status })) },
  }),
  question: ({ question, header = HEADER, options, multiple = false }) => ({
    name: 'ask_user',
    input: { questions: [{ question, header, type: 'choice', options: toOptions(options), multiSelect: multiple }] },
  }),
  mcp: ({ server, name, input = {} }) => ({ name: `mcp_${server}_${name}`, input }),
}

const opencode: AgentTools = {
  names: ['bash', 'read', 'edit', 'write', 'todowrite', 'question'],
  absolutePaths: true,
  shell: ({ command, workdir }) => ({ name: 'bash', input: { command, workdir } }),
  read: ({ path }) => ({ name: 'read', input: { filePath: path } }),
  edit: ({ path, old_text, new_text }) => ({ name: 'edit', input: { filePath: path, oldString: old_text, newString: new_text } }),
  write: ({ path, text }) => ({ name: 'write', input: { filePath: path, content: text } }),
  patch: toPatchFunction,
  plan: ({ entries }) => ({
    name: 'todowrite',
    input: { todos: entries.map(({ text, status }) => ({ content: text, status, priority: 'medium' })) },
  }),
  question: ({ question, header = HEADER, options, multiple = false }) => ({
    name: 'question',
    input: { questions: [{ question, header, options: toOptions(options), multiple }] },
  }),
  mcp: ({ server, name, input = {} }) => ({ name: `${server}_${name}`, input }),
}

// Began as Gemini CLI and follows Claude since.
const qwen: AgentTools = {
  ...gemini,
  names: ['run_shell_command', 'read_file', 'edit', 'write_file', 'todo_write', 'ask_user_question'],
  shell: ({ command, workdir, justification }) => ({
    name: 'run_shell_command',
    input: { command, is_background: false, description: justification, directory: workdir },
  }),
  edit: ({ path, old_text, new_text }) => ({ name: 'edit', input: { file_path: path, old_string: old_text, new_string: new_text } }),
  plan: ({ entries }) => ({
    name: 'todo_write',
    input: { todos: entries.map(({ text, status }, index) => ({ id: String(index + 1), content: text, status })) },
  }),
  question: ({ question, header = HEADER, options, multiple = false }) => ({
    name: 'ask_user_question',
    input: { questions: [{ question, header, options: toOptions(options), multiSelect: multiple }] },
  }),
  mcp: ({ server, name, input = {} }) => ({ name: `mcp__${server}__${name}`, input }),
}

/** The agents whose tools are known. Of two that an offer fits equally well the first one counts. */
export const agentTools = { codex, claude, opencode, qwen, gemini } as const satisfies Readonly<Record<string, AgentTools>>
export type AgentName = keyof typeof agentTools

/** Where a patch is the input of a function. */
function toPatchFunction(patchText: string): NativeCall {
  return { name: 'apply_patch', input: { patchText } }
}

/** Some agents insist on a description. */
function toOptions(options: ToolOf<'question'>['options']): readonly object[] {
  return options.map(({ label, description = label }) => ({ label, description }))
}

/** One word of a POSIX shell. */
function quote(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
