import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/conformance/**'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
