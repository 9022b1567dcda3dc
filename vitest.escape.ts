import { defineConfig } from 'vitest/config'

/** Attacks through the shells of the real agents, one raid after the other: each looks at what the whole machine has. */
export default defineConfig({
  test: {
    include: ['test/escape/*.escape.ts'],
    // Daemons and servers are started by the dozen: what Node compiled once is kept for the next.
    env: { NODE_COMPILE_CACHE: new URL('node_modules/.cache/compiled', import.meta.url).pathname },
    // An attack may take a minute; a busy machine is no reason to fail.
    testTimeout: 600_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
