import { defineConfig } from 'vitest/config'

/** The real agents against the offline model, one session after the other: their processes would fight over the cores. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
