/** JSON that is made where it is said: lists in lists so deep, an object with so many names, a name that is not one. */
export type Shape = { readonly deep: number } | { readonly wide: number } | { readonly proto: true }

/** What the scripted agent can be told to do, in order. Without an `exit` its turn ends when all is done. */
export type Step =
  /** So many pieces of text; milliseconds between them. */
  | { readonly say: number; readonly bytes?: number; readonly pause?: number }
  | { readonly text: string }
  | { readonly update: Readonly<Record<string, unknown>> }
  /** Asks for leave and then writes the file `ran-<id>-<n>`, one for each run; works for `ms`. */
  | { readonly tool: { readonly name?: string; readonly ms?: number; readonly id?: string; readonly input?: Shape } }
  /** So many calls at once. */
  | { readonly tools: number }
  | { readonly write: string }
  | { readonly base64: string }
  /** An update of no known kind that holds it. */
  | { readonly shape: Shape }
  /** One line of so many bytes. */
  | { readonly line: number }
  | { readonly stderr: number }
  /** Text on stderr. */
  | { readonly complain: string }
  | { readonly request: string; readonly params?: Readonly<Record<string, unknown>> }
  | { readonly pause: number }
  | { readonly wait: 'cancel' | 'forever' }
  /** Hears no polite signal from here on, and stays when its stdin ends. */
  | { readonly deaf: true }
  /** Starts a command in a session of its own. */
  | { readonly leave: readonly string[] }
  /** Starts a command that holds the agent's stdout open. */
  | { readonly hold: readonly string[] }
  | { readonly close: 'stdout' }
  | { readonly signal: NodeJS.Signals }
  | { readonly exit: number }

/** The prompt that makes the scripted agent do it. */
export function toPrompt(...steps: readonly Step[]): string {
  return JSON.stringify(steps)
}
