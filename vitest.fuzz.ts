import { defineConfig } from 'vitest/config'

/** The properties of what reads and writes other people's bytes, with as many runs as `FUZZ_RUNS` says. */
export default defineConfig({
  test: {
    include: [
      'test/fuzz/{recordings,wire}.test.ts',
      'packages/daemon/src/runtimes/lines.test.ts',
      'packages/daemon/src/runtimes/*/map.test.ts',
      'packages/daemon/src/core/{decide,input-hash,delta-guard,denials}.test.ts',
      'packages/daemon/src/core/redaction/*.test.ts',
      'packages/daemon/src/http/{body,casing,disposition,event-stream,query,range,recase,router}.test.ts',
      'packages/protocol/src/{state,transcript-fold}.test.ts',
    ],
    setupFiles: ['test/fuzz/budget.ts'],
    testTimeout: 1_800_000,
    maxWorkers: 2,
  },
})
