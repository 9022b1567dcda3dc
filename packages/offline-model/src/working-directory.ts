import { isPrompt } from './conversation.ts'
import type { ConversationItem } from './conversation.ts'

/** How agents name their working directory to the model. A path may hold spaces: it ends with its line or its tag. */
const sentences: readonly RegExp[] = [
  /<cwd>([^<\n]+)<\/cwd>/,
  /\bworking directory: ((?:[/~]|[A-Za-z]:\\)[^\n<]*)/i,
  /\bworking in the directory: ((?:[/~]|[A-Za-z]:\\)[^\n<]*)/i,
  // Gemini lists the directories of the workspace, its own one first.
  /\*\*Workspace Directories:\*\*\s*\n\s*- ([^\n<]+)/,
]

/** The working directory that the agent named last; null if it named none. What a person typed does not count. */
export function findWorkingDirectory(items: readonly ConversationItem[]): string | null {
  for (const item of items.toReversed()) {
    if (item.kind !== 'system' && (item.kind !== 'user' || isPrompt(item))) continue
    for (const sentence of sentences) {
      const found = sentence.exec(item.text)?.[1]?.trim()
      if (found) return found
    }
  }
  return null
}
