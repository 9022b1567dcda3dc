import { Problem } from '@codesdkd/protocol'

const COUNT_LIMIT = 1_000
const NAME_LIMIT = 256
const SIZE_LIMIT = 64 * 1024

/** Variables that load code into every process that the agent starts. */
const loaders = new Set([
  'NODE_OPTIONS',
  'NODE_PATH',
  'PYTHONSTARTUP',
  'PYTHONPATH',
  'PYTHONHOME',
  'PERL5OPT',
  'PERL5LIB',
  'PERL5DB',
  'RUBYOPT',
  'RUBYLIB',
  'JAVA_TOOL_OPTIONS',
  '_JAVA_OPTIONS',
  'JDK_JAVA_OPTIONS',
  'BASH_ENV',
  'ENV',
  'SHELLOPTS',
  'BASHOPTS',
  'PS4',
  'PROMPT_COMMAND',
  'ZDOTDIR',
  'IFS',
  'GCONV_PATH',
  'LOCPATH',
  'GIT_EXEC_PATH',
  'GIT_EXTERNAL_DIFF',
  'GIT_PAGER',
  'GIT_EDITOR',
  'GIT_ASKPASS',
  'GIT_PROXY_COMMAND',
  'GIT_TEMPLATE_DIR',
  'PAGER',
  'RIPGREP_CONFIG_PATH',
  'LESSOPEN',
  'LESSCLOSE',
  'MANPAGER',
])
const loaderPrefixes = ['LD_', 'DYLD_', 'GIT_SSH', 'GIT_CONFIG', 'BASH_FUNC_', 'CODESDKD_']

/** Variables that say where state and login live: credential namespaces own them. */
const owned = new Set([
  'HOME',
  'CODEX_HOME',
  'CODEX_SQLITE_HOME',
  'CLAUDE_CONFIG_DIR',
  'CLAUDE_SECURESTORAGE_CONFIG_DIR',
  'GEMINI_CLI_HOME',
  'OPENCODE_CONFIG',
  'USER',
  'LOGNAME',
])

/** Checks the `env` of a session. Throws `Problem('invalid_env')` that names the variable, never its value. */
export function checkSessionEnv(env: Readonly<Record<string, string>>): void {
  const entries = Object.entries(env)
  if (entries.length > COUNT_LIMIT) refuse('env', `has more than ${COUNT_LIMIT} variables`, { limit: COUNT_LIMIT, current: entries.length })
  const size = entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2, 0)
  if (size > SIZE_LIMIT) refuse('env', `is larger than ${SIZE_LIMIT} bytes`, { limit: SIZE_LIMIT, current: size })
  for (const [name, value] of entries) checkVariable(name, value)
}

function checkVariable(name: string, value: string): void {
  const shown = name.slice(0, 64)
  if (name === '' || name.length > NAME_LIMIT || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) refuse(shown, 'is not a name of a variable')
  if (value.includes('\0')) refuse(shown, 'has a value with a NUL byte')
  const upper = name.toUpperCase()
  if (loaders.has(upper) || loaderPrefixes.some((prefix) => upper.startsWith(prefix)))
    refuse(shown, 'would load code into the processes of the agent')
  if (owned.has(upper) || upper.startsWith('XDG_') || upper.endsWith('_CONFIG_DIR')) refuse(shown, 'belongs to the credential namespace')
  if (upper === 'PATH' && value.split(':').some((part) => !part.startsWith('/'))) refuse(shown, 'must have absolute parts only')
}

function refuse(variable: string, why: string, members: Readonly<Record<string, unknown>> = {}): never {
  throw new Problem('invalid_env', `The variable ${JSON.stringify(variable)} ${why}.`, { members: { variable, ...members } })
}
