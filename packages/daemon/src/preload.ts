/** Milliseconds after the start: whoever has waited for it is told first. */
const AFTER = 20

/**
 * Loads what the first session needs and the start does not: so the start is short, the first session too, and whoever puts a newer version in
 * the place of a daemon that runs takes nothing from it.
 */
export function startPreload(): Disposable {
  const timer = setTimeout(() => void load(), AFTER).unref()
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
    },
  }
}

/** Who needs one that cannot be loaded hears why. */
async function load(): Promise<void> {
  await Promise.allSettled([
    import('./enclosures.ts'),
    import('./runtimes/acp/open-session.ts'),
    import('./runtimes/claude/open.ts'),
    import('./runtimes/codex/open.ts'),
    import('./verification/verify.ts'),
  ])
}
