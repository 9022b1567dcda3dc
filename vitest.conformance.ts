import { defineConfig } from 'vitest/config'

/** The real agents against the offline model, one session after the other: their processes would fight over the cores. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    reporters: ['default', './test/conformance/table-reporter.ts'],
    // Daemons and servers are started by the dozen: what Node compiled once is kept for the next.
    env: { NODE_COMPILE_CACHE: new URL('node_modules/.cache/compiled', import.meta.url).pathname },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
