/** Milliseconds after the start: whoever has waited for it is told first. */
const AFTER = 20

/**
 * Loads what sessions need and the start does not: so the start is short, and the first session too. Whoever puts a newer version in the place
 * of a daemon that runs takes none of it away, either; only what most daemons never load is still found on the disk then.
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
    import('./http/openapi.ts'),
    import('./runtimes/acp/open.ts'),
    import('./runtimes/claude/open.ts'),
    import('./runtimes/codex/open.ts'),
    import('./verification/verify.ts'),
    import('modern-tar/fs'),
  ])
}
