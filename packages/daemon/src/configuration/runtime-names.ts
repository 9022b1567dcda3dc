/** Names of runtimes that people type -> their names on the wire. */
export const runtimeAliases: ReadonlyMap<string, string> = new Map([
  ['codex', 'codex-sdk'],
  ['claude', 'claude-agent-sdk'],
  ['gemini', 'gemini-cli-core'],
  ['opencode', 'opencode-server'],
])

/** The name on the wire of what somebody typed. */
export function toRuntimeName(name: string): string {
  return runtimeAliases.get(name) ?? name
}

/** The name that people type for a runtime. */
export function toAlias(name: string): string {
  return [...runtimeAliases].find(([, runtime]) => runtime === name)?.[0] ?? name
}
