import { createInterface } from 'node:readline/promises'
import type { Screen } from './screen.ts'

/** Puts a line to whoever sits at the terminal; null where the input has ended. */
export type Ask = (text: string) => Promise<string | null>

export interface PromptOptions {
  readonly screen: Screen
  /** Aborted when what is asked was settled elsewhere. */
  readonly signal: AbortSignal
  /** Ctrl-C. */
  readonly interrupt: () => void
}

/** Keeps everything else off the terminal while `body` asks. Null where it was settled elsewhere meanwhile. */
export async function prompting<T>({ screen, signal, interrupt }: PromptOptions, body: (ask: Ask) => Promise<T | null>): Promise<T | null> {
  const release = screen.hold()
  const prompt = createInterface({ input: process.stdin, output: process.stderr, terminal: true })
  // In raw mode Ctrl-C is a key.
  prompt.on('SIGINT', interrupt)
  const closed = new Promise<null>((resolve) => prompt.once('close', () => resolve(null)))
  const ask: Ask = async (text) => (await Promise.race([prompt.question(text, { signal }), closed]))?.trim() ?? null
  try {
    return await body(ask)
  } catch (error) {
    if (!signal.aborted) throw error
    screen.note('  it was decided elsewhere')
    return null
  } finally {
    prompt.close()
    release()
  }
}

/** `y` or `n`, asked until it is one of them. */
export async function askYesNo(ask: Ask, text: string): Promise<boolean | null> {
  for (;;) {
    const answer = (await ask(`${text} [y/n] `))?.toLowerCase() ?? null
    if (answer === null) return null
    if (answer === 'y' || answer === 'yes') return true
    if (answer === 'n' || answer === 'no') return false
  }
}

/** Why not; undefined where nothing was said. */
export async function askReason(ask: Ask): Promise<string | undefined> {
  const reason = await ask('  why not? (the agent hears it; Enter for nothing) ')
  return reason === null || reason === '' ? undefined : reason.slice(0, 4_000)
}
