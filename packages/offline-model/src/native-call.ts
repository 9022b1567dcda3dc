/** A call of a tool as the agent knows it. */
export interface NativeCall {
  readonly name: string
  /** Codex groups the tools of an MCP server under a name of their own. */
  readonly namespace?: string | undefined
  /** A string is freeform: not JSON, or JSON that is broken on purpose. */
  readonly input: Readonly<Record<string, unknown>> | string
}

/** The input as it travels where arguments are a string. */
export function toArguments({ input }: NativeCall): string {
  return typeof input === 'string' ? input : JSON.stringify(input)
}
